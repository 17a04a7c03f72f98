//! Which loads a loader is part of: its own, and those whose loaders asked for what it loads.

use std::future::Future;

use crate::cache::{Base, Cell};
use crate::sync::{Arc, task_local};

/// A load, and the one whose loader asked for it. Its cell is told by its address: the load keeps that alive.
pub(super) struct Lineage {
    cell: usize,
    key: &'static str,
    base: Base,
    of: Option<Arc<Lineage>>,
}

task_local! {
    static LINEAGE: Arc<Lineage>;
}

/// The lineage of a load that is about to begin.
pub(super) fn with(cell: &Arc<Cell>, key: &'static str, base: Base) -> Arc<Lineage> {
    let of = LINEAGE.try_with(Arc::clone).ok();
    Arc::new(Lineage { cell: Arc::as_ptr(cell) as usize, key, base, of })
}

/// Runs a loader as part of its lineage.
pub(super) fn within<F: Future>(lineage: Arc<Lineage>, loader: F) -> impl Future<Output = F::Output> {
    LINEAGE.scope(lineage, loader)
}

/// Whether whoever runs here is part of this load. Of tasks that a loader spawned itself nobody knows.
pub(super) fn is_within(cell: &Arc<Cell>, key: &'static str, base: Base) -> bool {
    let cell = Arc::as_ptr(cell) as usize;
    let mut lineage = LINEAGE.try_with(Arc::clone).ok();
    while let Some(load) = lineage {
        if load.cell == cell && load.key == key && load.base == base {
            return true;
        }
        lineage = load.of.clone();
    }
    false
}
