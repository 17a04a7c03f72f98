//! A record as columns, and its values as a JSON document where they are one.

mod columns;
#[cfg(feature = "sqlite")]
mod document;
mod malformed;
mod number;
mod payload;
mod writers;

pub(crate) use columns::{Columns, SummaryColumns, check_version, selector};
#[cfg(feature = "sqlite")]
pub(crate) use document::{decode as decode_values, encode as encode_values};
pub(crate) use malformed::Malformed;
#[cfg(feature = "postgres")]
pub(crate) use number::to_instant;
pub(crate) use number::{instant, to_column};
#[cfg(feature = "postgres")]
pub(crate) use payload::{json, undecodable};
#[cfg(feature = "postgres")]
pub(crate) use writers::encode as encode_writers;
