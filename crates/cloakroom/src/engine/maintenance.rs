//! Background maintenance: expiry, packing, and reports to the shared tier.

#[cfg(not(cloakroom_shuttle))]
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::Instrument;

use crate::cache::{Entry, EntryState, Snapshot};
use crate::store::{DynStore, Guard, Touch};
use crate::sync::{Arc, Mutex};
#[cfg(not(cloakroom_shuttle))]
use crate::time::Sleep;
use crate::time::{SKEW, Timestamp};
use crate::token::Fingerprint;

use super::credential::Credential;
use super::join_all;
use crate::engine::Engine;
use crate::telemetry::{Timer, fail, touch_span};

/// Interval of the maintenance task. Deadlines are exact for requests regardless of it; it only
/// bounds how long ended sessions use memory, and how late `ended()` resolves when a session
/// expires.
const INTERVAL: Duration = Duration::from_secs(1);
/// Minimum interval, for timeouts so short that a second is a large part of them.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// A touch is reported once the idle timeout has run down by one part in this many.
pub(super) const REPORTS_PER_TIMEOUT: u64 = 10;
/// Number of times per idle timeout that a request in progress is noticed, and its session kept
/// alive on the shared tier.
pub(super) const CHECKS_PER_TIMEOUT: u32 = 8;
/// Maximum number of touches per call, to keep each call to the shared tier small.
const TOUCHES_PER_CALL: usize = 1000;
/// Maximum number of touches that wait for a shared tier that does not answer; about 3 MB.
const MAX_QUEUED_TOUCHES: usize = 100_000;

/// Number of calls to the shared tier that a round has under way at once: while it does not answer,
/// each call lasts as long as its deadline.
pub(super) const CALLS_AT_ONCE: usize = 64;

/// The background task of an engine, if it runs, and the signal that wakes it early.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    task: Mutex<Option<tokio::task::AbortHandle>>,
    wakeup: Arc<Notify>,
}

impl Maintenance {
    /// Wakes the task early: watchers of the end of a session must not wait for the next round.
    pub(super) fn wake(&self) {
        self.wakeup.notify_one();
    }
}

impl Engine {
    /// Runs everything that is due now.
    pub(crate) async fn run_pending_tasks(self: &Arc<Self>) {
        while self.cache.expire_due(self.now()) {
            tokio::task::yield_now().await;
        }
        self.compare_clocks();
        self.report_sessions_in_use().await;
        self.report_touches().await;
        self.retry_destroys().await;
        self.undo_undelivered().await;
        self.forget_logins(self.now());
        self.forget_duplicates(self.now());
        self.recheck_watched().await;
        self.publish_metrics();
    }

    /// Reports whether this node's clock and the store's differ by more than is allowed.
    fn compare_clocks(&self) {
        let Some(theirs) = self.store.as_ref().and_then(|store| store.time()) else { return };
        let ours = self.now();
        let apart = ours.since(theirs).max(theirs.since(ours));
        self.telemetry.clocks_apart((apart > SKEW).then_some(apart), ours < theirs);
    }

    async fn recheck_watched(self: &Arc<Self>) {
        let mut entries = std::mem::take(&mut *self.queues.to_recheck.lock());
        // During an outage an entry is queued again every minute while it still waits for a reply.
        entries.sort_unstable_by_key(|entry| entry.selector);
        entries.dedup_by_key(|entry| entry.selector);
        for batch in entries.chunks(CALLS_AT_ONCE) {
            join_all(batch.iter().map(|entry| self.recheck_one(entry))).await;
        }
    }

    /// Queues a touch of a session for the shared tier, if none was reported for a while. `shown`
    /// is the fingerprint of the presented secret, which the session admits.
    pub(super) fn queue_touch(&self, entry: &Entry, snapshot: &Snapshot, shown: Fingerprint, now: Timestamp) {
        if self.store.is_some() && entry.claim_touch_report(snapshot.lifetimes.idle_millis() / REPORTS_PER_TIMEOUT) {
            let is_shown = |previous: &Fingerprint| shown != snapshot.fingerprint && *previous == shown;
            let previous = snapshot.previous().filter(|(_, previous)| is_shown(previous));
            let verifier = previous.map_or(snapshot.verifier, |(previous, _)| previous.verifier);
            self.backlog.touches.lock().push(Touch::new(entry.selector, Guard::Holder(verifier), now));
        }
    }

    /// Keeps sessions with requests in progress alive on the shared tier.
    async fn report_sessions_in_use(self: &Arc<Self>) {
        let mut in_use = std::mem::take(&mut *self.queues.in_use.lock());
        in_use.sort_unstable_by_key(|entry| entry.selector);
        in_use.dedup_by_key(|entry| entry.selector);
        for batch in in_use.chunks(CALLS_AT_ONCE) {
            join_all(batch.iter().map(|entry| self.report_in_use(entry))).await;
        }
    }

    async fn report_in_use(&self, entry: &Entry) {
        let is_invalidated = entry.read(|state| state.snapshot().is_none());
        if is_invalidated && entry.has_requests() {
            // Only the record shows whether the requests still belong to the session's client.
            drop(self.entry_for(&entry.selector).await);
        }
        let now = self.now();
        entry.read(|state| {
            if let Some(snapshot) = state.snapshot().filter(|snapshot| entry.is_in_use(snapshot)) {
                entry.touch(now);
                self.queue_touch(entry, snapshot, snapshot.fingerprint, now);
            }
        });
    }

    /// Marks the session of a request that begins as in use, if it is about to fall idle. The next
    /// round reports it to the shared tier, unless the request is over by then and has been
    /// counted.
    pub(crate) fn expect_activity(&self, entry: &Arc<Entry>, now: Timestamp) {
        if self.store.is_none() {
            return;
        }
        let idle = entry.read(|state| state.snapshot().map_or(0, |snapshot| snapshot.lifetimes.idle_millis()));
        if now.since(entry.last_seen()) > Duration::from_millis(idle / 2) {
            self.queues.in_use.lock().push(Arc::clone(entry));
        }
    }

    /// Counts a client's request as activity of its session. The shared tier decides where this
    /// node cannot.
    pub(crate) fn count_activity(&self, credential: &Credential, entry: &Entry, now: Timestamp) {
        let is_confirmed = entry.read(|state| match &state.state {
            EntryState::Ended(_) => true,
            EntryState::Live(snapshot) if entry.admits(snapshot, credential.fingerprint, now) => {
                entry.touch(now);
                self.queue_touch(entry, snapshot, credential.fingerprint, now);
                true
            }
            EntryState::Live(snapshot) if credential.lineage == Some(snapshot.lineage()) => {
                entry.touch(now);
                self.queue_touch(entry, snapshot, snapshot.fingerprint, now);
                true
            }
            EntryState::Live(_) | EntryState::Invalidated(_) => false,
        });
        if !is_confirmed {
            drop(self.add_unconfirmed(credential, now));
        }
    }

    async fn report_touches(&self) {
        let Some(store) = &self.store else { return };
        let mut touches = std::mem::take(&mut *self.backlog.touches.lock());
        touches.append(&mut self.unconfirmed_touches());
        if touches.is_empty() {
            return;
        }
        let (span, timer) = (touch_span(touches.len()), Timer::start());
        let failed = self.send_touches(&**store, &touches).instrument(span.clone()).await;
        timer.touch(if failed { "error" } else { "ok" });
        if failed {
            fail(&span, "store");
        }
    }

    /// Reports touches, and queues those again that could not be reported. Returns `true` if there
    /// were any.
    async fn send_touches(&self, store: &dyn DynStore, touches: &[Touch]) -> bool {
        let mut failed = false;
        let calls: Vec<_> = touches.chunks(TOUCHES_PER_CALL).collect();
        for batches in calls.chunks(CALLS_AT_ONCE) {
            let reported = join_all(batches.iter().map(|batch| store.touch(batch.to_vec()))).await;
            for (batch, reported) in batches.iter().zip(reported) {
                if self.count_error(reported).is_err() {
                    self.requeue_touches(batch);
                    failed = true;
                }
            }
        }
        failed
    }

    fn requeue_touches(&self, touches: &[Touch]) {
        let mut waiting = self.backlog.touches.lock();
        let room = MAX_QUEUED_TOUCHES.saturating_sub(waiting.len());
        waiting.extend(touches.iter().take(room));
    }

    /// Retries to end the sessions that could not be ended before.
    async fn retry_destroys(&self) {
        let pending = std::mem::take(&mut *self.backlog.destroys.lock());
        for batch in pending.chunks(CALLS_AT_ONCE) {
            let ended = join_all(batch.iter().map(|(selector, reason)| self.end(selector, None, *reason))).await;
            let failed = batch.iter().zip(ended).filter(|(_, ended)| ended.is_err()).map(|(session, _)| *session);
            self.backlog.destroys.lock().extend(failed);
        }
    }

    /// Checks whether a session still lives whose copy is out of date and whose end has watchers.
    async fn recheck_one(self: &Arc<Self>, entry: &Arc<Entry>) {
        let Some(store) = &self.store else { return };
        match self.load_record(&**store, entry.selector).await {
            Ok(None) => drop(self.mark_ended(entry)),
            // It lives, perhaps under another secret than its watchers presented.
            Ok(Some(_)) => entry.recheck_watchers(),
            // Unknown; ask again in the next round.
            Err(_) => self.queues.to_recheck.lock().push(Arc::clone(entry)),
        }
    }

    /// Starts the background task unless it is running, if there is a runtime to run it.
    pub(crate) fn ensure_maintenance(&self) {
        let mut task = self.maintenance.task.lock();
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        *task = self.start_maintenance();
    }

    #[cfg(not(cloakroom_shuttle))]
    fn start_maintenance(&self) -> Option<tokio::task::AbortHandle> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let engine = self.weak_self.clone();
        let interval = INTERVAL.min(self.policy.idle / REPORTS_PER_TIMEOUT as u32).max(MIN_INTERVAL);
        let (clock, wakeup) = (Arc::clone(&self.clock), Arc::clone(&self.maintenance.wakeup));
        let rounds = async move {
            let mut round = clock.sleep(interval);
            loop {
                let called = woken_early(&mut round, wakeup.notified()).await;
                let Some(engine) = engine.upgrade() else { return };
                if called {
                    engine.undo_undelivered().await;
                    engine.recheck_watched().await;
                } else {
                    engine.run_pending_tasks().await;
                    // With a clock at the end of time, every sleep is over at once.
                    tokio::task::yield_now().await;
                    round = clock.sleep(interval);
                }
            }
        };
        Some(runtime.spawn(rounds).abort_handle())
    }

    /// Does nothing: the schedule explorer has no runtime, so its tests run the rounds themselves.
    #[cfg(cloakroom_shuttle)]
    fn start_maintenance(&self) -> Option<tokio::task::AbortHandle> {
        let _ = (INTERVAL, MIN_INTERVAL, &self.weak_self, &self.maintenance.wakeup);
        None
    }
}

/// Returns `true` if the wake-up came before the time of the round.
#[cfg(not(cloakroom_shuttle))]
async fn woken_early(round: &mut Sleep, wakeup: impl Future<Output = ()>) -> bool {
    let mut wakeup = std::pin::pin!(wakeup);
    std::future::poll_fn(|context| {
        if round.as_mut().poll(context).is_ready() {
            return Poll::Ready(false);
        }
        wakeup.as_mut().poll(context).map(|()| true)
    })
    .await
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}
