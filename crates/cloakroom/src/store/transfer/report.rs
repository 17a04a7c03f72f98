use std::fmt;

use super::mover::Settled;
use crate::store::{Selector, StoreError, StoreErrorKind};
use crate::token::PublicId;

/// The maximum number of failures that a report shows one by one.
const SHOWN: usize = 16;

/// The result of [`TransferStore::transfer_all`](super::TransferStore::transfer_all).
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct TransferReport {
    /// The number of sessions that were moved, by this call or by others meanwhile.
    pub moved: u64,
    /// The number of attempts that failed. The sessions stay in the old store; a repeated call tries
    /// again.
    pub failed: u64,
    /// The first failures, at most 16.
    pub failures: Vec<TransferFailure>,
    /// Set by the last look through the old store, if it found nothing that it had to move.
    pub(super) is_old_empty: bool,
}

/// A session that could not be moved.
#[derive(Debug)]
#[non_exhaustive]
pub struct TransferFailure {
    /// The session, as lists of sessions name it.
    pub session: PublicId,
    /// The reason.
    pub error: StoreError,
}

impl TransferReport {
    /// Returns `true` if no session is left in the old store. If no node begins sessions there any
    /// more, the new store can be used alone.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.failed == 0 && self.is_old_empty
    }

    /// Adds the result for one session. Returns `false` if a store is at fault, so that others would
    /// fail too.
    pub(super) fn add(&mut self, selector: Selector, settled: Result<Settled, StoreError>) -> bool {
        let error = match settled {
            Ok(Settled::Moved) => {
                self.moved += 1;
                return true;
            }
            Ok(Settled::Absent | Settled::Stays(_, None)) => return true,
            Ok(Settled::Stays(_, Some(error))) | Err(error) => error,
        };
        self.failed += 1;
        let is_of_session = error.kind() == StoreErrorKind::Corrupt;
        if self.failures.len() < SHOWN {
            self.failures.push(TransferFailure { session: PublicId::of(&selector), error });
        }
        is_of_session
    }
}

impl fmt::Display for TransferReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sessions were moved, {} were not", self.moved, self.failed)?;
        match self.failures.first() {
            Some(failure) => write!(f, "; session {}: {}", failure.session, failure.error),
            None if self.is_old_empty => f.write_str("; none is left"),
            None => f.write_str("; sessions still begin in the old store"),
        }
    }
}
