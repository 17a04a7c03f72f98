//! Heap allocations, counted per thread by the `allocation-counter` crate around the system's
//! allocator, and the resident memory of the process.
//!
//! Timed code opts out of counting, which leaves about a nanosecond per allocation and release on
//! both sides. The counter grows a `Vec` by allocating, copying and releasing where the system's
//! allocator might extend in place: that counts as one more allocation and makes large growth look
//! slower than it is.

use std::ops::{Add, Sub};

use allocation_counter::{AllocationInfo, measure};

use crate::{Result, machine};

pub(super) use allocation_counter::opt_out as without_counting;

/// The allocations of one request.
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

/// Returns the mean allocations per request of `work`, which sends this many requests.
pub(super) fn allocations_per(requests: usize, work: impl FnOnce()) -> Allocations {
    let AllocationInfo { count_total, bytes_total, .. } = measure(work);
    let requests = requests as f64;
    Allocations { count: count_total as f64 / requests, bytes: bytes_total as f64 / requests }
}

/// A change of the memory of this process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Footprint {
    /// By the operating system, which includes what the allocator keeps or cannot return.
    pub(crate) resident: i64,
    /// Requested from the allocator by this thread and not released.
    pub(crate) requested: i64,
}

impl Add for Footprint {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { resident: self.resident + other.resident, requested: self.requested + other.requested }
    }
}

/// Runs `work` on this thread and returns by how much it grew the memory of the process.
pub(crate) fn footprint(work: impl FnOnce() -> Result<()>) -> Result<Footprint> {
    let resident = || machine::resident_bytes("self").map(u64::cast_signed);
    let before = resident()?;
    let mut outcome = Ok(());
    let counted = measure(|| outcome = work());
    outcome?;
    Ok(Footprint { resident: resident()? - before, requested: counted.bytes_current })
}
