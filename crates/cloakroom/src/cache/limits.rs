//! Limits on the size of one session.

use super::change::ChangeError;
use super::local_cache::LocalCache;
use super::snapshot::Snapshot;
use super::values::count;

/// Maximum size of one session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) session_bytes: u64,
    pub(crate) value_bytes: u32,
    pub(crate) values: usize,
}

/// The limit that a change would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooLarge {
    Session,
    Value,
    Count,
}

impl LocalCache {
    /// Returns an error if the snapshot exceeds a limit. Packed values are not checked.
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
