//! What one question cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Counts the database queries of one question, and whether the application cache took part.
///
/// Shared with the loader that answers the question, which may run on another task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    queries: AtomicU32,
    application: AtomicBool,
}

impl Meter {
    pub(super) fn count_query(&self) {
        self.0.queries.fetch_add(1, Ordering::Relaxed);
    }

    /// The application cache was asked.
    pub(crate) fn mark_application(&self) {
        self.0.application.store(true, Ordering::Relaxed);
    }

    pub(crate) fn queries(&self) -> u32 {
        self.0.queries.load(Ordering::Relaxed)
    }

    pub(crate) fn asked_application(&self) -> bool {
        self.0.application.load(Ordering::Relaxed)
    }
}
