//! What stands beside a session while somebody waits for something of it.

use std::collections::VecDeque;

use tokio::sync::watch;

use crate::sync::{Arc, Weak};

use super::EndReason;
use super::entry::{Entry, EntryState};
use super::erased_value::{CodecError, ErasedValue};
use super::snapshot::Snapshot;
use super::value::ValueEntry;
use super::values::version_of;
use crate::token::Fingerprint;

/// Waiters and work in progress of one session.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// Those that may still be joined and kept.
    loads: Vec<(&'static str, InFlight)>,
    /// How many loaders are at work, those among them that were overtaken.
    running: usize,
    ended: Option<watch::Sender<Option<EndReason>>>,
    commit_lock: Option<Arc<tokio::sync::Mutex<()>>>,
    /// A line for each secret that has not proved itself, so that it costs one look-up and nobody else waits for it.
    secret_locks: Vec<(Fingerprint, Arc<tokio::sync::Mutex<()>>)>,
    rejections: VecDeque<RejectedSecret>,
}

/// Of how many secrets a session remembers that they do not open it.
const MAX_REJECTIONS: usize = 16;

/// A secret that does not open the session, as far as the shared tier said when the cell was in this state.
#[derive(Clone, Debug)]
pub(crate) struct RejectedSecret {
    pub(crate) fingerprint: Fingerprint,
    /// Under which the shared tier said so.
    pub(crate) lease: u64,
    /// It opened the session once.
    pub(crate) is_reused: bool,
    state: Weak<EntryState>,
}

/// A loader at work.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    /// The version of the value, and the secret of the session, when the load began. A reader who
    /// sees anything else must not wait for it: the load may predate a write that reader knows of.
    pub(crate) base: LoadBase,
    pub(crate) result: watch::Receiver<Option<LoadResult>>,
}

/// What came of wanting a load.
#[derive(Debug)]
pub(crate) enum JoinOutcome {
    /// Somebody else's, from the same base.
    Joined(InFlight),
    /// A new one.
    Registered(InFlight),
    /// A new one was not wanted.
    Refused,
    /// The session is not what the reader has seen any more: look again.
    Superseded,
}

/// What a load started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoadBase {
    pub(crate) version: u64,
    pub(crate) fingerprint: Fingerprint,
    /// A digest of what the load is made of, where that is more than the session; else 0.
    pub(crate) input: u128,
}

impl LoadBase {
    /// Whether a load that began from here may still be kept. Of packed values nobody knows without a look.
    fn is_of(&self, snapshot: &Snapshot, key: &str) -> bool {
        let same = |entries: &[ValueEntry]| version_of(entries, key) == self.version;
        self.fingerprint == snapshot.fingerprint && snapshot.values.entries().is_none_or(same)
    }
}

/// How a load came out: a value, the absence of one, or a failure that every waiter gets.
pub(crate) type LoadResult = Result<Option<ErasedValue>, Arc<LoadFailure>>;

/// Why a load has no outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadFailure {
    #[error("the loader failed")]
    Failed(#[source] CodecError),
    #[error("the loader panicked")]
    Panicked,
    #[error("the loader took longer than its policy allows")]
    TimedOut,
    #[error("the loader of `{0}` asks for the very value that it loads; load it from its source there")]
    Cycle(&'static str),
    #[error(
        "as many loaders are at work as `max_loads_per_session` and `max_loads` allow; raise them, or load less at once"
    )]
    TooMany,
}

impl Entry {
    /// Joins the flight for `key` that began from `base`, or registers the one that `launch` makes. That is told how many
    /// loaders of the session are at work, and may decline.
    ///
    /// Whoever registers one [deregisters](Self::deregister) it.
    pub(crate) fn join_or_register(
        &self,
        key: &'static str,
        base: LoadBase,
        launch: impl FnOnce(usize) -> Option<InFlight>,
    ) -> JoinOutcome {
        let mut side = self.waiters.lock();
        let side = side.get_or_insert_default();
        // A flight whose task is gone will never land.
        let joinable = |in_flight: &InFlight| in_flight.base == base && in_flight.result.has_changed().is_ok();
        if let Some((_, in_flight)) = side.loads.iter().find(|(name, in_flight)| *name == key && joinable(in_flight)) {
            return JoinOutcome::Joined(in_flight.clone());
        }
        // A flight installs its value before it is deregistered: this reader may have looked before, and come after.
        if self.state().snapshot().is_some_and(|snapshot| !base.is_of(snapshot, key)) {
            return JoinOutcome::Superseded;
        }
        let Some(in_flight) = launch(side.running) else { return JoinOutcome::Refused };
        side.loads.retain(|(name, _)| *name != key);
        side.loads.push((key, in_flight.clone()));
        side.running += 1;
        JoinOutcome::Registered(in_flight)
    }

    /// A loader is done. Forgets its flight, unless a newer one took its place.
    pub(crate) fn deregister(&self, key: &'static str, base: LoadBase) {
        self.with_waiters(|side| {
            side.running = side.running.saturating_sub(1);
            side.loads.retain(|(name, in_flight)| *name != key || in_flight.base != base);
        });
    }

    /// Lets go of flights that something overtook, so that nobody but those who wait for them keeps them in the air.
    pub(crate) fn drop_superseded_loads(&self) {
        self.with_waiters(|side| {
            if side.loads.is_empty() {
                return;
            }
            let state = self.state();
            side.loads.retain(|(key, in_flight)| match &**state {
                EntryState::Live(snapshot) => in_flight.base.is_of(snapshot, key),
                EntryState::Invalidated(_) => true,
                EntryState::Ended(_) => false,
            });
        });
    }

    /// Lines up the commits of this process to one record, so that they do not conflict with each other.
    pub(crate) fn commit_lock(&self) -> Arc<tokio::sync::Mutex<()>> {
        let mut side = self.waiters.lock();
        Arc::clone(side.get_or_insert_default().commit_lock.get_or_insert_default())
    }

    /// Lines up those who show the same secret, which nothing here proves.
    pub(crate) fn secret_lock(&self, fingerprint: Fingerprint) -> Arc<tokio::sync::Mutex<()>> {
        let mut side = self.waiters.lock();
        let lines = &mut side.get_or_insert_default().secret_locks;
        if let Some((_, line)) = lines.iter().find(|(other, _)| *other == fingerprint) {
            return Arc::clone(line);
        }
        lines.retain(|(_, line)| Arc::strong_count(line) > 1);
        let line = Arc::<tokio::sync::Mutex<()>>::default();
        lines.push((fingerprint, Arc::clone(&line)));
        line
    }

    /// Remembers that a secret does not open the session, for as long as nothing happens to the cell.
    pub(crate) fn remember_rejection(
        &self,
        before: &Arc<EntryState>,
        fingerprint: Fingerprint,
        lease: u64,
        is_reused: bool,
    ) {
        let mut side = self.waiters.lock();
        let rejections = &mut side.get_or_insert_default().rejections;
        rejections.retain(|rejected| rejected.state.strong_count() > 0 && rejected.fingerprint != fingerprint);
        if rejections.len() == MAX_REJECTIONS {
            rejections.pop_front();
        }
        rejections.push_back(RejectedSecret { fingerprint, lease, is_reused, state: Arc::downgrade(before) });
    }

    /// What is remembered of a secret that does not open the session.
    pub(crate) fn rejection(&self, fingerprint: Fingerprint) -> Option<RejectedSecret> {
        let side = self.waiters.lock();
        let present = Arc::clone(&self.state());
        let valid = |rejected: &&RejectedSecret| {
            rejected.fingerprint == fingerprint && rejected.state.as_ptr() == Arc::as_ptr(&present)
        };
        side.as_ref()?.rejections.iter().find(valid).cloned()
    }

    /// A receiver that hears why the session ended.
    pub(crate) fn watch_end(&self) -> watch::Receiver<Option<EndReason>> {
        let mut side = self.waiters.lock();
        let sender = side.get_or_insert_default().ended.get_or_insert_with(|| watch::Sender::new(None));
        // Under the lock that `notify_end` takes: either it finds this sender, or this finds the end.
        if let EntryState::Ended(reason) = **self.state() {
            sender.send_replace(Some(reason));
        }
        sender.subscribe()
    }

    /// Whether anybody waits for the end of the session.
    pub(crate) fn is_watched(&self) -> bool {
        let side = self.waiters.lock();
        side.as_ref().and_then(|side| side.ended.as_ref()).is_some_and(|sender| sender.receiver_count() > 0)
    }

    /// Has those who wait for the end look for themselves whether the session is still theirs.
    pub(crate) fn recheck_watchers(&self) {
        self.with_waiters(|side| {
            if let Some(sender) = &side.ended {
                sender.send_replace(None);
            }
        });
    }

    /// Wakes who waits for the end.
    pub(crate) fn notify_end(&self, reason: EndReason) {
        self.with_waiters(|side| {
            side.loads.clear();
            if let Some(sender) = side.ended.take() {
                sender.send_replace(Some(reason));
            }
        });
    }

    /// Drops what nobody needs any more.
    pub(crate) fn drop_unused(&self) {
        self.with_waiters(|_| {});
    }

    fn with_waiters(&self, act: impl FnOnce(&mut Waiters)) {
        let mut slot = self.waiters.lock();
        let Some(side) = slot.as_deref_mut() else { return };
        act(side);
        if side.is_idle() {
            *slot = None;
        }
    }
}

impl Waiters {
    fn is_idle(&mut self) -> bool {
        self.ended.take_if(|sender| sender.receiver_count() == 0);
        self.commit_lock.take_if(|turn| Arc::strong_count(turn) == 1);
        self.secret_locks.retain(|(_, line)| Arc::strong_count(line) > 1);
        self.rejections.retain(|rejected| rejected.state.strong_count() > 0);
        let is_quiet = self.secret_locks.is_empty() && self.rejections.is_empty();
        is_quiet && self.running == 0 && self.loads.is_empty() && self.ended.is_none() && self.commit_lock.is_none()
    }
}
