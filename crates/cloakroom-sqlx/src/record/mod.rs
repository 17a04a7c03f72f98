//! A record as a row: columns for what the store looks at, and a document for the values.

mod columns;
mod document;
mod malformed;
mod number;
mod writers;

pub(crate) use columns::{Columns, SummaryColumns, selector};
pub(crate) use document::{decode as decode_values, encode as encode_values};
pub(crate) use malformed::Malformed;
#[cfg(feature = "postgres")]
pub(crate) use number::to_instant;
pub(crate) use number::{instant, to_column};
#[cfg(feature = "postgres")]
pub(crate) use writers::encode as encode_writers;
