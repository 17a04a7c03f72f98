//! The right of one store to write the sessions of a namespace.

mod file_lock;
mod memory;

use std::time::Duration;

use crate::error::OpenError;

pub(super) use file_lock::{CHECK, FileLock, Use, use_of};
pub(super) use memory::MemoryClaim;

/// How often it is tried to take the place of the previous owner.
const POLL: Duration = Duration::from_millis(20);

/// What makes a store the owner of its sessions, until it is dropped.
#[derive(Debug)]
pub(super) enum Owner {
    File(FileLock),
    Memory { _claim: MemoryClaim },
}

impl Owner {
    /// Begins to watch the database, after its tables were made or found.
    pub(super) async fn begin(&mut self, found_tables: bool) -> Result<(), OpenError> {
        match self {
            Self::File(lock) => lock.begin(found_tables).await,
            Self::Memory { .. } => Ok(()),
        }
    }

    /// Returns `true` if the store still owns the sessions.
    pub(super) fn is_owner(&mut self) -> bool {
        match self {
            Self::File(lock) => lock.is_owner(),
            Self::Memory { .. } => true,
        }
    }

    /// Returns `true` if the sessions survive the connection.
    pub(super) const fn has_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}
