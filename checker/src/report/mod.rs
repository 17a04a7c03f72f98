//! What came of it.

mod result;
mod table;
mod tally;

pub(crate) use result::{Report, Row};
pub(crate) use tally::{Finding, Tally};
