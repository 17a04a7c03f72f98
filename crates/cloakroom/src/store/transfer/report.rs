use std::fmt;

use super::mover::Settled;
use crate::store::StoreError;

/// The result of [`TransferStore::transfer_all`](super::TransferStore::transfer_all).
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct TransferReport {
    /// The number of sessions that were moved, by this call or by others meanwhile.
    pub moved: u64,
    /// The number of attempts that failed. The sessions stay in the old store; a repeated call tries
    /// again.
    pub failed: u64,
    /// The first failure.
    pub first_failure: Option<StoreError>,
}

impl TransferReport {
    /// Returns `true` if no session is left in the old store: the new one can be used alone.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.failed == 0
    }

    pub(super) fn add(&mut self, settled: Result<Settled, StoreError>) {
        match settled {
            Ok(Settled::Moved) => self.moved += 1,
            Ok(Settled::Absent | Settled::Stays(_)) => {}
            Err(error) => {
                self.failed += 1;
                self.first_failure.get_or_insert(error);
            }
        }
    }
}

impl fmt::Display for TransferReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sessions were moved, {} were not", self.moved, self.failed)?;
        match &self.first_failure {
            Some(error) => write!(f, "; the first failure: {error}"),
            None => Ok(()),
        }
    }
}
