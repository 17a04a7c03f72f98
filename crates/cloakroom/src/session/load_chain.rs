//! Which loads a loader is part of: its own, and those whose loaders asked for what it loads.

use std::future::Future;

use crate::cache::{Entry, LoadBase};
use crate::sync::{Arc, task_local};

/// A load, and the one whose loader asked for it. Its cell is told by its address: the load keeps that alive.
pub(super) struct LoadChain {
    entry: usize,
    key: &'static str,
    base: LoadBase,
    of: Option<Arc<LoadChain>>,
}

task_local! {
    static LINEAGE: Arc<LoadChain>;
}

/// The lineage of a load that is about to begin.
pub(super) fn extend(entry: &Arc<Entry>, key: &'static str, base: LoadBase) -> Arc<LoadChain> {
    let of = LINEAGE.try_with(Arc::clone).ok();
    Arc::new(LoadChain { entry: Arc::as_ptr(entry) as usize, key, base, of })
}

/// Runs a loader as part of its lineage.
pub(super) fn scope<F: Future>(lineage: Arc<LoadChain>, loader: F) -> impl Future<Output = F::Output> {
    LINEAGE.scope(lineage, loader)
}

/// Whether whoever runs here is part of this load. Of tasks that a loader spawned itself nobody knows.
pub(super) fn is_within(entry: &Arc<Entry>, key: &'static str, base: LoadBase) -> bool {
    let entry = Arc::as_ptr(entry) as usize;
    let mut lineage = LINEAGE.try_with(Arc::clone).ok();
    while let Some(load) = lineage {
        if load.entry == entry && load.key == key && load.base == base {
            return true;
        }
        lineage = load.of.clone();
    }
    false
}
