//! The loads that a loader is part of: its own, and those whose loaders requested the value that it
//! loads.

use std::future::Future;

use crate::cache::{Entry, LoadBase};
use crate::sync::{Arc, task_local};

/// A load, and the load whose loader requested it. The entry is identified by its address, which
/// stays valid because the load keeps the entry alive.
pub(super) struct LoadChain {
    entry: usize,
    key: &'static str,
    base: LoadBase,
    parent: Option<Arc<LoadChain>>,
}

task_local! {
    static CHAIN: Arc<LoadChain>;
}

/// Returns the chain of a load that is about to begin.
pub(super) fn extend(entry: &Arc<Entry>, key: &'static str, base: LoadBase) -> Arc<LoadChain> {
    let parent = CHAIN.try_with(Arc::clone).ok();
    Arc::new(LoadChain { entry: Arc::as_ptr(entry) as usize, key, base, parent })
}

/// Runs a loader as part of its chain.
pub(super) fn scope<F: Future>(chain: Arc<LoadChain>, loader: F) -> impl Future<Output = F::Output> {
    CHAIN.scope(chain, loader)
}

/// Returns `true` if the current task runs as part of this load. Tasks that a loader spawned itself
/// are not tracked.
pub(super) fn is_within(entry: &Arc<Entry>, key: &'static str, base: LoadBase) -> bool {
    let entry = Arc::as_ptr(entry) as usize;
    let mut chain = CHAIN.try_with(Arc::clone).ok();
    while let Some(load) = chain {
        if load.entry == entry && load.key == key && load.base == base {
            return true;
        }
        chain = load.parent.clone();
    }
    false
}
