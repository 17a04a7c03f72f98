//! A shared tier that went back in time, which the clients' version hints give away.

use std::cmp::Ordering;

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
    let Some(origin) = &snapshot.origin else { return snapshot.version > seen.version };
    match snapshot.version.cmp(&seen.version) {
        Ordering::Less => false,
        Ordering::Equal => origin.nonce as u16 == seen.nonce,
        // A greater number says nothing by itself: others may have gone on from before what the store has lost.
        Ordering::Greater => !origin.writers.lack(seen.version, seen.nonce),
    }
}

/// What a client has seen that was served from this copy.
pub(super) fn hint_of(snapshot: &Snapshot) -> Option<Hint> {
    snapshot.origin.as_ref().map(|origin| Hint { version: snapshot.version, nonce: origin.nonce as u16 })
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

    pub(super) fn note_rollback(&self, cell: &Arc<Cell>, snapshot: &Snapshot) {
        self.ledger.counters.rollbacks.count();
        self.ledger.record(EventKind::RolledBack, Some(&cell.tag), snapshot.principal());
    }
}
