use std::sync::atomic::Ordering::Relaxed;

use crate::sync::AtomicU64;

/// Bytes that sessions take and may take.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicU64,
    limit: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit }
    }

    /// Takes `bytes` if they fit.
    pub(crate) fn reserve(&self, bytes: u64) -> bool {
        let used = self.used.fetch_add(bytes, Relaxed).saturating_add(bytes);
        if used > self.limit {
            self.release(bytes);
            return false;
        }
        true
    }

    /// Takes bytes that cannot be refused; negative growth is not booked here.
    pub(crate) fn force(&self, growth: i64) {
        self.used.fetch_add(growth.max(0).unsigned_abs(), Relaxed);
    }

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
