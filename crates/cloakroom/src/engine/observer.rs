//! Reactions of the engine to changes that the local tier makes on its own.

use crate::cache::{EndReason, Entry, EntryState, Observer};
use crate::sync::{Arc, Mutex};
use crate::telemetry::Telemetry;

use super::principal_index::PrincipalIndex;
use super::principal_watchers::PrincipalWatchers;

/// Updates the index and the telemetry when the local tier ends a session, and queues entries that
/// the shared tier has to be asked about.
#[derive(Debug)]
pub(super) struct CacheObserver {
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) principals: Arc<PrincipalIndex>,
    pub(super) principal_watchers: Arc<PrincipalWatchers>,
    pub(super) queues: Arc<MaintenanceQueues>,
}

/// Entries that wait for the next round of the maintenance task.
#[derive(Debug, Default)]
pub(super) struct MaintenanceQueues {
    /// Watched entries whose time seems to be over.
    pub(super) to_recheck: Mutex<Vec<Arc<Entry>>>,
    /// Sessions that requests in progress keep alive, to be reported to the shared tier.
    pub(super) in_use: Mutex<Vec<Arc<Entry>>>,
}

impl Observer for CacheObserver {
    fn ended(&self, entry: &Arc<Entry>, before: &EntryState, reason: EndReason) {
        // An entry that was never filled only served to find out whether the session exists.
        let Some(snapshot) = before.last_known() else { return };
        if let Some(principal) = snapshot.principal() {
            self.principals.remove(principal, entry);
            self.principal_watchers.notify(principal);
        }
        self.telemetry.session_ended(&entry.selector, reason, snapshot.principal());
    }

    fn recheck(&self, entry: &Arc<Entry>) {
        self.queues.to_recheck.lock().push(Arc::clone(entry));
    }

    fn in_use(&self, entry: &Arc<Entry>) {
        self.queues.in_use.lock().push(Arc::clone(entry));
    }
}
