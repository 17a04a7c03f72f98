//! Rollback detection: the version hints of clients reveal a shared tier that has lost writes.

use std::cmp::Ordering;

use crate::cache::{Entry, Snapshot, StampedState};
use crate::sync::Arc;
use crate::token::VersionHint;

use super::authenticate::Lookup;
use super::credential::Credential;
use super::open_session::OpenSession;
use crate::config::RollbackPolicy;
use crate::engine::Engine;
use crate::telemetry::EventKind;

/// Returns `true` if the copy is at least as new as what a client has seen.
pub(super) fn is_at_least(snapshot: &Snapshot, seen: Option<VersionHint>) -> bool {
    let Some(seen) = seen else { return true };
    let Some(store_meta) = &snapshot.store_meta else { return snapshot.version > seen.version };
    match snapshot.version.cmp(&seen.version) {
        Ordering::Less => false,
        Ordering::Equal => store_meta.nonce as u16 == seen.nonce,
        // A greater version proves nothing by itself: other nodes may have continued from before
        // the writes that the store has lost.
        Ordering::Greater => !store_meta.writers.is_missing(seen.version, seen.nonce),
    }
}

impl Engine {
    /// Returns `true` if a record that was just read must not be served, because it is older than
    /// what its client has seen.
    pub(super) fn is_rolled_back(&self, entry: &Arc<Entry>, snapshot: &Snapshot, credential: &Credential) -> bool {
        if is_at_least(snapshot, credential.client_version) || self.policy.rollback != RollbackPolicy::Reauthenticate {
            return false;
        }
        self.report_rollback(entry, snapshot);
        // Keep no copy, so that the next request gets the same result.
        self.cache.invalidate(entry);
        self.cache.remove_if_unfilled(entry);
        true
    }

    /// Returns the lookup result for a record that was just read, and reports it if it is older
    /// than what the client has seen.
    pub(super) fn finish_load(&self, entry: Arc<Entry>, state: StampedState, credential: &Credential) -> Lookup {
        if let Some(snapshot) = state.snapshot().filter(|snapshot| !is_at_least(snapshot, credential.client_version)) {
            self.report_rollback(&entry, snapshot);
        }
        Lookup::Fetched(OpenSession::new(entry, state))
    }

    /// Counts and announces that the shared tier has lost writes of this session.
    pub(super) fn report_rollback(&self, entry: &Arc<Entry>, snapshot: &Snapshot) {
        self.telemetry.counters.rollbacks.count();
        self.telemetry.announce(EventKind::RolledBack, Some(&entry.selector), snapshot.principal());
    }
}
