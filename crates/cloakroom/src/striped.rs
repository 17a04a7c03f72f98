//! One of a thing for every thread, where one for all would be written by all.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

/// As many as a large machine has processors; more threads than that share.
const MAX_STRIPES: usize = 64;

/// A thing that every request writes to, as many times as there are processors.
///
/// A single one would travel from processor to processor with every write, and what stands beside it with it:
/// the count of one engine for all cost two threads 190 ns a request.
#[derive(Debug)]
pub(crate) struct Striped<T>(Box<[Stripe<T>]>);

/// Processors fetch lines of 64 bytes in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe<T>(T);

impl<T> Striped<T> {
    pub(crate) fn new(mut make: impl FnMut() -> T) -> Self {
        let count = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_STRIPES);
        Self((0..count).map(|_| Stripe(make())).collect())
    }

    /// The one of this thread.
    pub(crate) fn local(&self) -> &T {
        &self.0[thread_index() % self.0.len()].0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &stripe.0)
    }
}

/// A number of this thread's own.
fn thread_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static SEAT: usize = NEXT.fetch_add(1, Relaxed));
    SEAT.with(|seat| *seat)
}
