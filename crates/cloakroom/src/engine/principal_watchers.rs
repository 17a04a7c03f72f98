//! Subscriptions to the sessions of a principal, for streams that follow its list.

use std::collections::HashMap;

use tokio::sync::watch;

use crate::sync::{Arc, AtomicU64, Mutex, Ordering};
use crate::token::Principal;

/// The principals whose sessions are watched on this node.
#[derive(Debug, Default)]
pub(crate) struct PrincipalWatchers {
    /// The number of subscriptions. While it is 0, a login or an end costs one load.
    count: AtomicU64,
    senders: Mutex<HashMap<Principal, watch::Sender<()>>>,
}

impl PrincipalWatchers {
    /// Subscribes to the logins and ends of a principal's sessions on this node.
    pub(crate) fn subscribe(self: &Arc<Self>, principal: &Principal) -> PrincipalSubscription {
        let mut senders = self.senders.lock();
        // Before the subscriber reads the list: whoever changes it later finds the subscription.
        self.count.fetch_add(1, Ordering::SeqCst);
        let sender = senders.entry(principal.clone()).or_insert_with(|| watch::Sender::new(()));
        PrincipalSubscription {
            watchers: Arc::clone(self),
            principal: principal.clone(),
            changed: Some(sender.subscribe()),
        }
    }

    /// Wakes the subscribers of a principal, after its list has changed.
    pub(super) fn notify(&self, principal: &Principal) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some(sender) = self.senders.lock().get(principal) {
            sender.send_replace(());
        }
    }
}

/// A subscription, until it is dropped.
pub(crate) struct PrincipalSubscription {
    watchers: Arc<PrincipalWatchers>,
    principal: Principal,
    changed: Option<watch::Receiver<()>>,
}

impl PrincipalSubscription {
    /// Notifies only of changes from now on.
    pub(crate) fn mark_seen(&mut self) {
        self.changed.iter_mut().for_each(watch::Receiver::mark_unchanged);
    }

    /// Waits for a notification.
    pub(crate) async fn changed(&mut self) {
        if let Some(changed) = &mut self.changed {
            // The sender lives as long as its receivers.
            let _notified = changed.changed().await;
        }
    }
}

impl Drop for PrincipalSubscription {
    fn drop(&mut self) {
        let mut senders = self.watchers.senders.lock();
        self.changed = None;
        self.watchers.count.fetch_sub(1, Ordering::SeqCst);
        if senders.get(&self.principal).is_some_and(|sender| sender.receiver_count() == 0) {
            senders.remove(&self.principal);
        }
    }
}
