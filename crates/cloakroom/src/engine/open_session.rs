use crate::cache::{Entry, Snapshot, StampedState};
use crate::sync::Arc;

/// A live session that a client may use, and its state at the time of the check.
#[derive(Clone, Debug)]
pub(crate) struct OpenSession {
    pub(crate) entry: Arc<Entry>,
    pub(crate) state: StampedState,
}

impl OpenSession {
    pub(crate) const fn new(entry: Arc<Entry>, state: StampedState) -> Self {
        Self { entry, state }
    }

    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        self.state.snapshot()
    }
}
