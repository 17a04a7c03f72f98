//! A shared tier that went back in time, which the clients' version hints give away.

use crate::cache::{Cell, Snapshot, State};
use crate::identity::Hint;
use crate::sync::Arc;

use super::bearer::Bearer;
use super::engine::Engine;
use super::events::EventKind;
use super::policy::RollbackPolicy;
use super::resolve::Access;

/// Whether the copy is at least as new as what a client has seen.
pub(super) fn covers(snapshot: &Snapshot, seen: Option<Hint>) -> bool {
    let Some(seen) = seen else { return true };
    let nonce = snapshot.origin.as_ref().map(|origin| origin.nonce as u16);
    snapshot.version > seen.version || (snapshot.version == seen.version && nonce == Some(seen.nonce))
}

impl Engine {
    /// Whether a record that was just read must not be served, because it is older than what its client has seen.
    pub(super) fn rejects(&self, cell: &Arc<Cell>, snapshot: &Snapshot, bearer: &Bearer) -> bool {
        if covers(snapshot, bearer.seen) || self.policy.rollback != RollbackPolicy::Reauthenticate {
            return false;
        }
        self.note_rollback(cell, snapshot);
        // Nothing is kept of it: the next request has to be told the same.
        self.tier.vacate(cell);
        self.tier.forget_unfilled(cell);
        true
    }

    /// What a bearer may use of a record that was just read, whether it is older than it should be or not.
    pub(super) fn opened(&self, cell: Arc<Cell>, state: Arc<State>, bearer: &Bearer) -> Access {
        if let Some(snapshot) = state.snapshot().filter(|snapshot| !covers(snapshot, bearer.seen)) {
            self.note_rollback(&cell, snapshot);
        }
        Access::Fetched((cell, state))
    }

    fn note_rollback(&self, cell: &Arc<Cell>, snapshot: &Snapshot) {
        self.ledger.counters.rollbacks.count();
        self.ledger.record(EventKind::RolledBack, Some(&cell.tag), snapshot.principal());
    }
}
