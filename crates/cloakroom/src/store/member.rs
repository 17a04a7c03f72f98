use crate::time::Timestamp;
use crate::token::{Authentication, Selector};

use super::{Lifetimes, Record, StoreError};

/// One of the sessions that [`Store::list_members`](super::Store::list_members) lists.
#[derive(Debug)]
#[non_exhaustive]
pub struct Member {
    /// Which session.
    pub selector: Selector,
    /// What a list shows of it, or why that could not be read.
    pub summary: Result<Summary, StoreError>,
}

impl Member {
    /// A member whose record was read.
    #[must_use]
    pub const fn new(selector: Selector, summary: Result<Summary, StoreError>) -> Self {
        Self { selector, summary }
    }

    /// Whether its time is over, though its store still keeps it.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.summary.as_ref().is_ok_and(|summary| now >= summary.lifetimes.store_deadline(summary.last_seen))
    }

    pub(crate) fn is_logged_in(&self) -> bool {
        self.summary.as_ref().is_ok_and(|summary| summary.authentication.is_some())
    }
}

/// A record without its values and secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// When the session was created and when it must end.
    pub lifetimes: Lifetimes,
    /// When a request of the session was last seen.
    pub last_seen: Timestamp,
    /// Who is logged in, if anybody.
    pub authentication: Option<Authentication>,
}

impl Summary {
    /// A summary of a session that nobody is logged in to.
    #[must_use]
    pub const fn new(lifetimes: Lifetimes, last_seen: Timestamp) -> Self {
        Self { lifetimes, last_seen, authentication: None }
    }
}

impl From<&Record> for Summary {
    fn from(record: &Record) -> Self {
        Self { lifetimes: record.lifetimes, last_seen: record.last_seen, authentication: record.authentication.clone() }
    }
}
