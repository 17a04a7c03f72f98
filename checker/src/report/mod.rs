//! The results of a run.

mod result;
mod table;
mod tally;

pub(crate) use result::{Report, Row};
pub(crate) use tally::{Finding, Tally};
