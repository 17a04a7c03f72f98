use crate::lifetimes::Lifetimes;
use crate::time::Timestamp;
use crate::token::{Authentication, Principal, Selector};

use super::{Record, StoreError};

/// One of the sessions that [`Store::list_members`](super::Store::list_members) lists.
#[derive(Debug)]
#[non_exhaustive]
pub struct Member {
    /// The session's selector.
    pub selector: Selector,
    /// The summary of its record, or the fault that prevented reading it.
    pub summary: Result<Summary, StoreError>,
}

impl Member {
    /// A member with its summary or the fault that prevented reading it.
    #[must_use]
    pub const fn new(selector: Selector, summary: Result<Summary, StoreError>) -> Self {
        Self { selector, summary }
    }

    /// Returns `true` if the session's time is over, even if its store still keeps it.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|end| now >= end)
    }

    /// The instant from which on a list omits the session if it is not seen again. `None` if its
    /// record could not be read.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        let summary = self.summary.as_ref().ok()?;
        Some(summary.lifetimes.store_deadline(summary.last_seen))
    }

    pub(crate) fn is_logged_in(&self) -> bool {
        self.summary.as_ref().is_ok_and(|summary| summary.authentication.is_some())
    }
}

/// A record without its values and secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The creation time of the session and its end.
    pub lifetimes: Lifetimes,
    /// The last time a request of the session was seen.
    pub last_seen: Timestamp,
    /// The login, if the session is logged in.
    pub authentication: Option<Authentication>,
}

impl Summary {
    /// A summary of a session that is not logged in.
    #[must_use]
    pub const fn new(lifetimes: Lifetimes, last_seen: Timestamp) -> Self {
        Self { lifetimes, last_seen, authentication: None }
    }

    /// Returns `true` if the session is logged in as another principal, so that a list of
    /// `principal`'s sessions leaves it out.
    #[must_use]
    pub fn is_of_another(&self, principal: &Principal) -> bool {
        self.authentication.as_ref().is_some_and(|login| login.principal != *principal)
    }
}

impl From<&Record> for Summary {
    fn from(record: &Record) -> Self {
        Self { lifetimes: record.lifetimes, last_seen: record.last_seen, authentication: record.authentication.clone() }
    }
}
