//! The byte budget of the local tier.

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::AtomicU64;

/// Bytes that sessions use, and their limit.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicU64,
    limit: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit }
    }

    /// Reserves `bytes` if they fit.
    pub(crate) fn reserve(&self, bytes: u64) -> bool {
        let fits = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.limit);
        self.used.fetch_update(Relaxed, Relaxed, fits).is_ok()
    }

    /// Reserves bytes unconditionally, even beyond the limit.
    pub(crate) fn force(&self, bytes: u64) {
        self.used.fetch_add(bytes, Relaxed);
    }

    /// Returns reserved bytes to the budget.
    pub(crate) fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Relaxed);
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    pub(crate) const fn limit(&self) -> u64 {
        self.limit
    }
}
