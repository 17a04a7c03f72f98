//! Numbers as columns. SQL has signed integers only, so numbers from 2^63 on are stored as negative
//! ones; instants that are compared in SQL are limited instead.

use std::time::Duration;

use cloakroom::Timestamp;

pub(crate) const fn to_column(number: u64) -> i64 {
    number.cast_signed()
}

pub(super) const fn from_column(column: i64) -> u64 {
    column.cast_unsigned()
}

/// An instant for a comparison in SQL, at most 2^63 - 1.
pub(crate) fn instant(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) const fn to_instant(column: i64) -> Timestamp {
    Timestamp::from_millis(from_column(column))
}

/// A duration in milliseconds, saturating.
pub(super) fn duration(duration: Duration) -> i64 {
    to_column(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
