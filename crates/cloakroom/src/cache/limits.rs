//! How large one session may be.

use super::local_cache::{ChangeError, LocalCache};
use super::snapshot::Snapshot;
use super::values::count;

/// What one session may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) session_bytes: u64,
    pub(crate) value_bytes: u32,
    pub(crate) values: usize,
}

/// Which limit a change would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooLarge {
    Session,
    Value,
    Count,
}

impl LocalCache {
    /// Whether a session within its limits could look like this.
    pub(crate) fn check(&self, snapshot: &Snapshot) -> Result<(), ChangeError> {
        let Some(entries) = snapshot.values.entries() else { return Ok(()) };
        if entries.iter().any(|entry| entry.size > self.limits.value_bytes) {
            return Err(ChangeError::TooLarge(TooLarge::Value));
        }
        if count(entries) > self.limits.values {
            return Err(ChangeError::TooLarge(TooLarge::Count));
        }
        let bytes: u64 = entries.iter().map(|entry| u64::from(entry.size)).sum();
        if bytes > self.limits.session_bytes {
            return Err(ChangeError::TooLarge(TooLarge::Session));
        }
        Ok(())
    }
}
