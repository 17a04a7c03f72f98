//! What happens without a request: expiry, packing, telling the shared tier who was seen.

#[cfg(not(cloakroom_shuttle))]
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;

use crate::cache::{Cell, Fingerprint, Snapshot, State};
use crate::store::{Guard, Touch};
use crate::sync::{Arc, Mutex};
#[cfg(not(cloakroom_shuttle))]
use crate::time::Sleep;
use crate::time::{SKEW, Timestamp};

use super::bearer::Bearer;
use super::engine::Engine;

/// How often the housekeeper looks. Deadlines are exact for requests whatever this is; it only
/// bounds how long the dead take up memory and how late `ended()` resolves when a session expires.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same where timeouts are so short that a second is much of them.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// A touch is reported once the idle timeout has run down by this part of it.
pub(super) const REPORTS_PER_TIMEOUT: u64 = 10;
/// A request that is in progress is noticed, and its session kept alive at the shared tier, this often.
pub(super) const LOOKS_PER_TIMEOUT: u32 = 8;
/// So that one call to the shared tier stays small.
const TOUCHES_PER_CALL: usize = 1000;
/// How many touches wait for a shared tier that does not answer; some 3 MB.
const MOST_TOUCHES: usize = 100_000;

/// The background task of an engine, if it runs, and what calls it before its time.
#[derive(Debug, Default)]
pub(crate) struct Housekeeper {
    task: Mutex<Option<tokio::task::AbortHandle>>,
    bell: Arc<Notify>,
}

impl Housekeeper {
    /// Somebody who waits for the end of a session must not wait for the next round as well.
    pub(super) fn call(&self) {
        self.bell.notify_one();
    }
}

impl Engine {
    /// Everything that is due now.
    pub(crate) async fn run_due(self: &Arc<Self>) {
        while self.tier.visit_due(self.now()) {
            tokio::task::yield_now().await;
        }
        self.compare_clocks();
        self.report_sessions_in_use().await;
        self.report_touches().await;
        self.finish_ends().await;
        self.undo_lost().await;
        self.forget_logins(self.now());
        self.settle_doubts().await;
    }

    /// Says so if this node's clock and the store's are further apart than they may be.
    fn compare_clocks(&self) {
        let Some(theirs) = self.store.as_ref().and_then(|store| store.time()) else { return };
        let ours = self.now();
        let apart = ours.since(theirs).max(theirs.since(ours));
        self.ledger.clocks_apart((apart > SKEW).then_some(apart), ours < theirs);
    }

    async fn settle_doubts(self: &Arc<Self>) {
        let mut doubted = std::mem::take(&mut *self.ledger.doubted.lock());
        // In an outage, one is doubted anew every minute while it still waits for the answer.
        doubted.sort_unstable_by_key(|cell| cell.tag);
        doubted.dedup_by_key(|cell| cell.tag);
        for cell in doubted {
            self.ask_after(&cell).await;
        }
    }

    /// Notes that a session was seen by who shows the secret with this fingerprint, which it admits, if the shared tier
    /// was not told of the session for a while.
    pub(super) fn report_activity(&self, cell: &Cell, snapshot: &Snapshot, shown: Fingerprint, now: Timestamp) {
        if self.store.is_some() && cell.claim_report(snapshot.idle / REPORTS_PER_TIMEOUT) {
            let is_shown = |previous: &Fingerprint| shown != snapshot.fingerprint && *previous == shown;
            let previous = snapshot.previous().filter(|(_, previous)| is_shown(previous));
            let verifier = previous.map_or(snapshot.verifier, |(previous, _)| previous.verifier);
            self.touches.lock().push(Touch::new(cell.tag, Guard::Holder(verifier), now));
        }
    }

    /// Has the shared tier keep sessions alive of which requests are in progress.
    async fn report_sessions_in_use(self: &Arc<Self>) {
        let mut in_use = std::mem::take(&mut *self.ledger.in_use.lock());
        in_use.sort_unstable_by_key(|cell| cell.tag);
        in_use.dedup_by_key(|cell| cell.tag);
        for cell in in_use {
            let is_vacant = cell.state().snapshot().is_none();
            if is_vacant && cell.has_users() {
                // Whether these are still the same client's is in the record.
                drop(self.tag_cell(&cell.tag).await);
            }
            let (state, now) = (cell.state(), self.now());
            if let Some(snapshot) = state.snapshot().filter(|snapshot| cell.is_in_use(snapshot)) {
                cell.see(now);
                self.report_activity(&cell, snapshot, snapshot.fingerprint, now);
            }
        }
    }

    /// A request begins. If its session is about to fall idle, the shared tier is told at the next round, unless the
    /// request is over by then and has been counted.
    pub(crate) fn expect_activity(&self, cell: &Arc<Cell>, now: Timestamp) {
        if self.store.is_none() {
            return;
        }
        let idle = cell.state().snapshot().map_or(0, |snapshot| snapshot.idle);
        if now.since(cell.last_seen()) > Duration::from_millis(idle / 2) {
            self.ledger.in_use.lock().push(Arc::clone(cell));
        }
    }

    /// Counts as activity what a bearer does in a session. The shared tier decides where this node cannot.
    pub(crate) fn count_activity(&self, bearer: &Bearer, cell: &Cell, now: Timestamp) {
        let state = cell.state();
        match &**state {
            State::Ended(_) => {}
            State::Live(snapshot) if cell.admits(snapshot, bearer.fingerprint, now) => {
                cell.see(now);
                self.report_activity(cell, snapshot, bearer.fingerprint, now);
            }
            State::Live(snapshot) if bearer.lineage == Some(snapshot.lineage()) => {
                cell.see(now);
                self.report_activity(cell, snapshot, snapshot.fingerprint, now);
            }
            State::Live(_) | State::Vacant(_) => drop(self.note_unconfirmed(bearer, now)),
        }
    }

    async fn report_touches(&self) {
        let Some(store) = &self.store else { return };
        let mut touches = std::mem::take(&mut *self.touches.lock());
        touches.append(&mut self.unconfirmed_touches());
        for batch in touches.chunks(TOUCHES_PER_CALL) {
            if self.watched(store.touch(batch.to_vec()).await).is_err() {
                let mut waiting = self.touches.lock();
                let room = MOST_TOUCHES.saturating_sub(waiting.len());
                waiting.extend(batch.iter().take(room));
            }
        }
    }

    /// Ends what could not be ended when it should have been.
    async fn finish_ends(&self) {
        let unfinished = std::mem::take(&mut *self.unfinished.lock());
        for (tag, reason) in unfinished {
            if self.end(&tag, None, reason).await.is_err() {
                self.unfinished.lock().push((tag, reason));
            }
        }
    }

    /// Somebody waits for the end of a session whose copy is out of date: does it live?
    async fn ask_after(self: &Arc<Self>, cell: &Arc<Cell>) {
        let Some(store) = &self.store else { return };
        match self.watched(store.load(cell.tag).await) {
            Ok(None) => drop(self.found_gone(cell)),
            // It lives, perhaps under another secret than those who wait have shown.
            Ok(Some(_)) => cell.wake_watchers(),
            // Not known yet; ask again at the next round.
            Err(_) => self.ledger.doubted.lock().push(Arc::clone(cell)),
        }
    }

    /// Makes sure that the background task runs, if there is a runtime to run it.
    pub(crate) fn keep_house(&self) {
        let mut task = self.housekeeper.task.lock();
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        *task = self.start_housekeeping();
    }

    #[cfg(not(cloakroom_shuttle))]
    fn start_housekeeping(&self) -> Option<tokio::task::AbortHandle> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let engine = self.myself.clone();
        let interval = INTERVAL.min(self.policy.idle / REPORTS_PER_TIMEOUT as u32).max(SHORTEST_INTERVAL);
        let (clock, bell) = (Arc::clone(&self.clock), Arc::clone(&self.housekeeper.bell));
        let rounds = async move {
            let mut round = clock.sleep(interval);
            loop {
                let called = first(&mut round, bell.notified()).await;
                let Some(engine) = engine.upgrade() else { return };
                if called {
                    engine.undo_lost().await;
                    engine.settle_doubts().await;
                } else {
                    engine.run_due().await;
                    // Where a clock stands at the end of time, every sleep is over at once.
                    tokio::task::yield_now().await;
                    round = clock.sleep(interval);
                }
            }
        };
        Some(runtime.spawn(rounds).abort_handle())
    }

    /// The schedule explorer has no runtime: its tests do the rounds themselves.
    #[cfg(cloakroom_shuttle)]
    fn start_housekeeping(&self) -> Option<tokio::task::AbortHandle> {
        let _ = (INTERVAL, &self.myself, &self.housekeeper.bell);
        None
    }
}

/// Whether the bell rang before it was time for the round.
#[cfg(not(cloakroom_shuttle))]
async fn first(round: &mut Sleep, bell: impl Future<Output = ()>) -> bool {
    let mut bell = std::pin::pin!(bell);
    std::future::poll_fn(|context| {
        if round.as_mut().poll(context).is_ready() {
            return Poll::Ready(false);
        }
        bell.as_mut().poll(context).map(|()| true)
    })
    .await
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}
