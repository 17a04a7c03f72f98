use tokio::sync::watch;

use crate::cache::{EndReason, Entry};
use crate::engine::Engine;
use crate::error::{SessionError, SessionErrorKind};
use crate::sync::Arc;

/// A subscription to the changes of an entry, which stays in the table meanwhile.
pub(super) struct Subscription {
    entry: Arc<Entry>,
    changed: Option<watch::Receiver<()>>,
}

impl Subscription {
    /// Subscribes to an entry. `Ok(None)` if it has left the table, where no invalidation reaches
    /// it.
    pub(super) fn new(engine: &Engine, entry: &Arc<Entry>, limit: usize) -> Result<Option<Self>, SessionError> {
        let changed = entry.watch_changes(limit).ok_or_else(|| SessionError::new(SessionErrorKind::TooManyWatches))?;
        let subscription = Self { entry: Arc::clone(entry), changed: Some(changed) };
        Ok(engine.is_cached(entry).then_some(subscription))
    }

    /// Notifies only of changes from now on.
    pub(super) fn mark_seen(&mut self) {
        self.changed.iter_mut().for_each(watch::Receiver::mark_unchanged);
    }

    /// Waits for a notification.
    pub(super) async fn changed(&mut self) {
        if let Some(changed) = &mut self.changed {
            // The entry has the sender, and this subscription has the entry.
            let _notified = changed.changed().await;
        }
    }

    pub(super) fn is_of(&self, entry: &Arc<Entry>) -> bool {
        Arc::ptr_eq(&self.entry, entry)
    }

    /// Returns why the session ended, as far as the entry knows.
    pub(super) fn end_reason(&self) -> Option<EndReason> {
        self.entry.end_reason()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.changed = None;
        self.entry.drop_unused();
    }
}
