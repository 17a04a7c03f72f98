//! Counts of heap allocations, by the `allocation-counter` crate, whose global allocator counts per
//! thread around the system's.
//!
//! Two things to know about it. Timed stretches opt out, which leaves one thread-local look per
//! allocation and release, about a nanosecond each, in both arms. And it grows a `Vec` by
//! allocating, copying and releasing, where the system's allocator might have extended in place:
//! that counts as one allocation more, and makes large growth look slower than it is.

use std::ops::Sub;

use allocation_counter::{AllocationInfo, measure, opt_out};

/// What one request allocates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocations {
    pub(crate) count: f64,
    pub(crate) bytes: f64,
}

impl Sub for Allocations {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { count: self.count - other.count, bytes: self.bytes - other.bytes }
    }
}

/// What a stretch of work allocated.
pub(super) struct Counted(AllocationInfo);

impl Counted {
    pub(super) fn per(&self, requests: usize) -> Allocations {
        let requests = requests as f64;
        Allocations { count: self.0.count_total as f64 / requests, bytes: self.0.bytes_total as f64 / requests }
    }

    /// Bytes that the stretch allocated and still holds; negative if it released more.
    pub(super) const fn held(&self) -> i64 {
        self.0.bytes_current
    }
}

pub(super) fn counted(work: impl FnOnce()) -> Counted {
    Counted(measure(work))
}

pub(super) fn uncounted(work: impl FnOnce()) {
    opt_out(work);
}
