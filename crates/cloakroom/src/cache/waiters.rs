//! In-flight loads, watchers, locks and rejected secrets of one session. Allocated only while in use.

use std::collections::VecDeque;

use tokio::sync::watch;

use crate::sync::Arc;

use super::EndReason;
use super::entry::{Entry, EntryState, Stamp};
use super::erased_value::{AnyValue, CodecError};
use super::snapshot::Snapshot;
use super::value::ValueEntry;
use super::values::version_of;
use crate::token::Fingerprint;

/// Watchers, locks and work in progress of one session.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// Loads that readers may still join and whose result may still be stored.
    loads: Vec<(&'static str, InFlight)>,
    /// Number of running loaders, including those that were superseded.
    running: usize,
    ended: Option<watch::Sender<Option<EndReason>>>,
    /// Wakes the watchers of the values.
    changed: Option<watch::Sender<()>>,
    commit_lock: Option<Arc<tokio::sync::Mutex<()>>>,
    /// One lock per unverified secret, so that each secret costs one lookup and no other request
    /// waits for it.
    secret_locks: Vec<(Fingerprint, Arc<tokio::sync::Mutex<()>>)>,
    rejections: VecDeque<RejectedSecret>,
}

/// Number of rejected secrets that are remembered per session.
const MAX_REJECTIONS: usize = 16;

/// A secret that did not open the session according to the shared tier, while the state of the entry
/// had this stamp.
#[derive(Clone, Debug)]
pub(crate) struct RejectedSecret {
    pub(crate) fingerprint: Fingerprint,
    /// Lease of the record that decided it.
    pub(crate) lease: u64,
    /// `true` if the secret opened the session once.
    pub(crate) is_reused: bool,
    stamp: Stamp,
}

/// A running load.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    /// The version of the value and the secret of the session when the load began. A reader that
    /// sees anything else must not wait for the load, which may predate a write that the reader has
    /// seen.
    pub(crate) base: LoadBase,
    pub(crate) result: watch::Receiver<Option<LoadResult>>,
}

/// Result of requesting a load.
#[derive(Debug)]
pub(crate) enum JoinOutcome {
    /// An existing load from the same base.
    Joined(InFlight),
    /// A new load.
    Registered(InFlight),
    /// A new load was declined.
    Refused,
    /// The session has changed since the reader looked; read it again.
    Superseded,
}

/// The state that a load began from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoadBase {
    pub(crate) version: u64,
    pub(crate) fingerprint: Fingerprint,
    /// Digest of any input of the load apart from the session, or 0 if there is none.
    pub(crate) input: u128,
}

impl LoadBase {
    /// Returns `true` if the result of a load from this base may still be stored. The versions of
    /// packed values are not known without unpacking, so they are assumed to be unchanged.
    fn is_of(&self, snapshot: &Snapshot, key: &str) -> bool {
        let same = |entries: &[ValueEntry]| version_of(entries, key) == self.version;
        self.fingerprint == snapshot.fingerprint && snapshot.values.entries().is_none_or(same)
    }
}

/// Result of a load: a value, its absence, or a failure that every waiting reader receives.
pub(crate) type LoadResult = Result<Option<Arc<dyn AnyValue>>, Arc<LoadFailure>>;

/// Reason why a load has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadFailure {
    #[error("the loader failed")]
    Failed(#[source] CodecError),
    #[error("the loader panicked")]
    Panicked,
    #[error("the loader took longer than its policy allows")]
    TimedOut,
    #[error("the loader of `{0}` asks for the very value that it loads; read it from its source instead")]
    Cycle(&'static str),
    #[error("too many loaders are running; raise `max_loads_per_session` or `max_loads`, or load fewer values at once")]
    TooMany,
}

impl LoadFailure {
    /// Returns the failure's name in metrics and spans.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::Cycle(_) => "cycle",
            Self::TooMany => "refused",
        }
    }
}

impl Entry {
    /// Joins the load of `key` that began from `base`, or registers the one that `launch` starts.
    /// `launch` receives the number of running loaders of the session and may decline with `None`.
    ///
    /// The caller must [deregister](Self::deregister) a load that it registers.
    pub(crate) fn join_or_register(
        &self,
        key: &'static str,
        base: LoadBase,
        launch: impl FnOnce(usize) -> Option<InFlight>,
    ) -> JoinOutcome {
        let mut waiters = self.waiters.lock();
        let waiters = waiters.get_or_insert_default();
        // A load whose task is gone never produces a result.
        let joinable = |in_flight: &InFlight| in_flight.base == base && in_flight.result.has_changed().is_ok();
        if let Some((_, in_flight)) = waiters.loads.iter().find(|(name, in_flight)| *name == key && joinable(in_flight))
        {
            return JoinOutcome::Joined(in_flight.clone());
        }
        // A load stores its value first and is deregistered afterwards. This reader may have read
        // the state before the former, and come here after the latter.
        if self.read(|state| state.snapshot().is_some_and(|snapshot| !base.is_of(snapshot, key))) {
            return JoinOutcome::Superseded;
        }
        let Some(in_flight) = launch(waiters.running) else { return JoinOutcome::Refused };
        waiters.loads.retain(|(name, _)| *name != key);
        waiters.loads.push((key, in_flight.clone()));
        waiters.running += 1;
        JoinOutcome::Registered(in_flight)
    }

    /// Deregisters a finished load, unless a newer one has replaced it.
    pub(crate) fn deregister(&self, key: &'static str, base: LoadBase) {
        self.with_waiters(|waiters| {
            waiters.running = waiters.running.saturating_sub(1);
            waiters.loads.retain(|(name, in_flight)| *name != key || in_flight.base != base);
        });
    }

    /// Drops loads that a change has superseded, so that only the readers waiting for them keep
    /// them running.
    pub(crate) fn drop_superseded_loads(&self) {
        self.with_waiters(|waiters| waiters.drop_superseded_loads(self));
    }

    /// Wakes the watchers of the values after a change, and drops loads that it has superseded.
    pub(crate) fn changed(&self) {
        self.with_waiters(|waiters| {
            waiters.wake_value_watchers();
            waiters.drop_superseded_loads(self);
        });
    }

    /// Makes the watchers of the values read them again.
    pub(crate) fn wake_value_watchers(&self) {
        self.with_waiters(|waiters| waiters.wake_value_watchers());
    }

    /// Returns a receiver that is notified after every change of the session, and when the copy is
    /// invalidated. `None` if there are `limit` receivers already.
    ///
    /// A change is made before its notification, and both this and the notification take the lock
    /// of the waiters. So a reader that subscribes first and reads afterwards misses nothing.
    pub(crate) fn watch_changes(&self, limit: usize) -> Option<watch::Receiver<()>> {
        let mut waiters = self.waiters.lock();
        let sender = waiters.get_or_insert_default().changed.get_or_insert_with(|| watch::Sender::new(()));
        (sender.receiver_count() < limit).then(|| sender.subscribe())
    }

    /// Returns the lock that serializes this process's commits to one record, so that they do not
    /// conflict with each other.
    pub(crate) fn commit_lock(&self) -> Arc<tokio::sync::Mutex<()>> {
        let mut waiters = self.waiters.lock();
        Arc::clone(waiters.get_or_insert_default().commit_lock.get_or_insert_default())
    }

    /// Returns the lock that serializes requests with the same unverified secret.
    pub(crate) fn secret_lock(&self, fingerprint: Fingerprint) -> Arc<tokio::sync::Mutex<()>> {
        let mut waiters = self.waiters.lock();
        let locks = &mut waiters.get_or_insert_default().secret_locks;
        if let Some((_, lock)) = locks.iter().find(|(other, _)| *other == fingerprint) {
            return Arc::clone(lock);
        }
        locks.retain(|(_, lock)| Arc::strong_count(lock) > 1);
        let lock = Arc::<tokio::sync::Mutex<()>>::default();
        locks.push((fingerprint, Arc::clone(&lock)));
        lock
    }

    /// Remembers that a secret does not open the session, until the entry changes.
    pub(crate) fn remember_rejection(&self, stamp: Stamp, fingerprint: Fingerprint, lease: u64, is_reused: bool) {
        let mut waiters = self.waiters.lock();
        let present = self.stamp();
        let rejections = &mut waiters.get_or_insert_default().rejections;
        rejections.retain(|rejected| rejected.stamp == present && rejected.fingerprint != fingerprint);
        if rejections.len() == MAX_REJECTIONS {
            rejections.pop_front();
        }
        rejections.push_back(RejectedSecret { fingerprint, lease, is_reused, stamp });
    }

    /// Returns the remembered rejection of a secret, if it is still valid.
    pub(crate) fn rejection(&self, fingerprint: Fingerprint) -> Option<RejectedSecret> {
        let waiters = self.waiters.lock();
        let present = self.stamp();
        let valid = |rejected: &&RejectedSecret| rejected.fingerprint == fingerprint && rejected.stamp == present;
        waiters.as_ref()?.rejections.iter().find(valid).cloned()
    }

    /// Returns a receiver of the reason why the session ends.
    pub(crate) fn watch_end(&self) -> watch::Receiver<Option<EndReason>> {
        let mut waiters = self.waiters.lock();
        let sender = waiters.get_or_insert_default().ended.get_or_insert_with(|| watch::Sender::new(None));
        // Under the lock that `notify_end` takes: either it finds this sender, or this finds the
        // end.
        if let Some(reason) = self.end_reason() {
            sender.send_replace(Some(reason));
        }
        sender.subscribe()
    }

    /// Returns `true` if the values or the end of the session have watchers.
    pub(crate) fn is_watched(&self) -> bool {
        let waiters = self.waiters.lock();
        waiters.as_ref().is_some_and(|waiters| waiters.has_end_watchers() || waiters.has_value_watchers())
    }

    /// Returns `true` if the end of the session has watchers.
    pub(crate) fn has_end_watchers(&self) -> bool {
        self.waiters.lock().as_ref().is_some_and(|waiters| waiters.has_end_watchers())
    }

    /// Makes the watchers check whether the session still belongs to their client.
    pub(crate) fn recheck_watchers(&self) {
        self.with_waiters(|waiters| {
            waiters.wake_value_watchers();
            if let Some(sender) = &waiters.ended {
                sender.send_replace(None);
            }
        });
    }

    /// Notifies the watchers that the session has ended.
    pub(crate) fn notify_end(&self, reason: EndReason) {
        self.with_waiters(|waiters| {
            waiters.loads.clear();
            waiters.wake_value_watchers();
            if let Some(sender) = waiters.ended.take() {
                sender.send_replace(Some(reason));
            }
        });
    }

    /// Frees what is no longer in use.
    pub(crate) fn drop_unused(&self) {
        self.with_waiters(|_| {});
    }

    fn with_waiters(&self, act: impl FnOnce(&mut Waiters)) {
        let mut slot = self.waiters.lock();
        let Some(waiters) = slot.as_deref_mut() else { return };
        act(waiters);
        if waiters.is_idle(self.stamp()) {
            *slot = None;
        }
    }
}

impl Waiters {
    fn has_end_watchers(&self) -> bool {
        self.ended.as_ref().is_some_and(|sender| sender.receiver_count() > 0)
    }

    fn has_value_watchers(&self) -> bool {
        self.changed.as_ref().is_some_and(|sender| sender.receiver_count() > 0)
    }

    fn wake_value_watchers(&self) {
        if let Some(sender) = &self.changed {
            sender.send_replace(());
        }
    }

    fn drop_superseded_loads(&mut self, entry: &Entry) {
        if self.loads.is_empty() {
            return;
        }
        let state = entry.state();
        self.loads.retain(|(key, in_flight)| match &*state {
            EntryState::Live(snapshot) => in_flight.base.is_of(snapshot, key),
            EntryState::Invalidated(_) => true,
            EntryState::Ended(_) => false,
        });
    }

    fn is_idle(&mut self, present: Stamp) -> bool {
        self.changed.take_if(|sender| sender.receiver_count() == 0);
        self.ended.take_if(|sender| sender.receiver_count() == 0);
        self.commit_lock.take_if(|turn| Arc::strong_count(turn) == 1);
        self.secret_locks.retain(|(_, lock)| Arc::strong_count(lock) > 1);
        self.rejections.retain(|rejected| rejected.stamp == present);
        let is_quiet = self.secret_locks.is_empty() && self.rejections.is_empty();
        let is_unwatched = self.ended.is_none() && self.changed.is_none();
        is_quiet && is_unwatched && self.running == 0 && self.loads.is_empty() && self.commit_lock.is_none()
    }
}
