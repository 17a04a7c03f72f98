//! One instance per thread, for data that every request writes.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

/// The number of processors of a large machine. If there are more threads, several share a stripe.
const MAX_STRIPES: usize = 64;

/// As many instances of `T` as there are processors, for data that every request writes.
///
/// The cache line of a single instance would move from processor to processor with every write,
/// together with its neighbours: one shared reference count of the engine cost two threads 190 ns
/// per request.
#[derive(Debug)]
pub(crate) struct Striped<T>(Box<[Stripe<T>]>);

/// Aligned to 128 bytes, because processors fetch 64-byte cache lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe<T>(T);

impl<T> Striped<T> {
    pub(crate) fn new(mut make: impl FnMut() -> T) -> Self {
        let count = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_STRIPES);
        Self((0..count).map(|_| Stripe(make())).collect())
    }

    /// The instance of this thread.
    pub(crate) fn local(&self) -> &T {
        &self.0[thread_index() % self.0.len()].0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &stripe.0)
    }
}

/// A number that is unique to this thread.
fn thread_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static INDEX: usize = NEXT.fetch_add(1, Relaxed));
    INDEX.with(|index| *index)
}
