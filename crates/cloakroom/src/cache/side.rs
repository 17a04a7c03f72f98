//! What stands beside a session while somebody waits for something of it.

use std::collections::VecDeque;

use tokio::sync::watch;

use crate::sync::{Arc, Weak};

use super::EndReason;
use super::cell::{Cell, State};
use super::entry::Entry;
use super::erased::{CodecError, Erased};
use super::fingerprint::Fingerprint;
use super::snapshot::Snapshot;
use super::values::version_of;

/// Waiters and work in progress of one session.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// Those that may still be joined and kept.
    flights: Vec<(&'static str, Flight)>,
    /// How many loaders are at work, those among them that were overtaken.
    running: usize,
    ended: Option<watch::Sender<Option<EndReason>>>,
    turn: Option<Arc<tokio::sync::Mutex<()>>>,
    /// A line for each secret that has not proved itself, so that it costs one look-up and nobody else waits for it.
    lines: Vec<(Fingerprint, Arc<tokio::sync::Mutex<()>>)>,
    denials: VecDeque<Denial>,
}

/// Of how many secrets a session remembers that they do not open it.
const DENIALS: usize = 16;

/// A secret that does not open the session, as far as the shared tier said when the cell was in this state.
#[derive(Clone, Debug)]
pub(crate) struct Denial {
    pub(crate) fingerprint: Fingerprint,
    /// Under which the shared tier said so.
    pub(crate) lease: u64,
    /// It opened the session once.
    pub(crate) is_reused: bool,
    state: Weak<State>,
}

/// A loader at work.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    /// The version of the value, and the secret of the session, when the load began. A reader who
    /// sees anything else must not wait for it: the load may predate a write that reader knows of.
    pub(crate) base: Base,
    pub(crate) landing: watch::Receiver<Option<Landing>>,
}

/// What came of wanting a load.
#[derive(Debug)]
pub(crate) enum Boarding {
    /// Somebody else's, from the same base.
    Joined(Flight),
    /// A new one.
    Registered(Flight),
    /// A new one was not wanted.
    Declined,
    /// The session is not what the reader has seen any more: look again.
    Overtaken,
}

/// What a load started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) version: u64,
    pub(crate) fingerprint: Fingerprint,
    /// A digest of what the load is made of, where that is more than the session; else 0.
    pub(crate) input: u128,
}

impl Base {
    /// Whether a load that began from here may still be kept. Of packed values nobody knows without a look.
    fn is_of(&self, snapshot: &Snapshot, key: &str) -> bool {
        let same = |entries: &[Entry]| version_of(entries, key) == self.version;
        self.fingerprint == snapshot.fingerprint && snapshot.values.entries().is_none_or(same)
    }
}

/// How a load came out: a value, the absence of one, or a failure that every waiter gets.
pub(crate) type Landing = Result<Option<Erased>, Arc<LoadFailure>>;

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

impl Cell {
    /// Joins the flight for `key` that began from `base`, or registers the one that `launch` makes. That is told how many
    /// loaders of the session are at work, and may decline.
    ///
    /// Whoever registers one [deregisters](Self::deregister) it.
    pub(crate) fn join_or_register(
        &self,
        key: &'static str,
        base: Base,
        launch: impl FnOnce(usize) -> Option<Flight>,
    ) -> Boarding {
        let mut side = self.side.lock();
        let side = side.get_or_insert_default();
        // A flight whose task is gone will never land.
        let joinable = |flight: &Flight| flight.base == base && flight.landing.has_changed().is_ok();
        if let Some((_, flight)) = side.flights.iter().find(|(name, flight)| *name == key && joinable(flight)) {
            return Boarding::Joined(flight.clone());
        }
        // A flight installs its value before it is deregistered: this reader may have looked before, and come after.
        if self.state().snapshot().is_some_and(|snapshot| !base.is_of(snapshot, key)) {
            return Boarding::Overtaken;
        }
        let Some(flight) = launch(side.running) else { return Boarding::Declined };
        side.flights.retain(|(name, _)| *name != key);
        side.flights.push((key, flight.clone()));
        side.running += 1;
        Boarding::Registered(flight)
    }

    /// A loader is done. Forgets its flight, unless a newer one took its place.
    pub(crate) fn deregister(&self, key: &'static str, base: Base) {
        self.with_side(|side| {
            side.running = side.running.saturating_sub(1);
            side.flights.retain(|(name, flight)| *name != key || flight.base != base);
        });
    }

    /// Lets go of flights that something overtook, so that nobody but those who wait for them keeps them in the air.
    pub(crate) fn drop_overtaken_flights(&self) {
        self.with_side(|side| {
            if side.flights.is_empty() {
                return;
            }
            let state = self.state();
            side.flights.retain(|(key, flight)| match &**state {
                State::Live(snapshot) => flight.base.is_of(snapshot, key),
                State::Vacant(_) => true,
                State::Ended(_) => false,
            });
        });
    }

    /// Lines up the commits of this process to one record, so that they do not conflict with each other.
    pub(crate) fn turn(&self) -> Arc<tokio::sync::Mutex<()>> {
        let mut side = self.side.lock();
        Arc::clone(side.get_or_insert_default().turn.get_or_insert_default())
    }

    /// Lines up those who show the same secret, which nothing here proves.
    pub(crate) fn line(&self, fingerprint: Fingerprint) -> Arc<tokio::sync::Mutex<()>> {
        let mut side = self.side.lock();
        let lines = &mut side.get_or_insert_default().lines;
        if let Some((_, line)) = lines.iter().find(|(other, _)| *other == fingerprint) {
            return Arc::clone(line);
        }
        lines.retain(|(_, line)| Arc::strong_count(line) > 1);
        let line = Arc::<tokio::sync::Mutex<()>>::default();
        lines.push((fingerprint, Arc::clone(&line)));
        line
    }

    /// Remembers that a secret does not open the session, for as long as nothing happens to the cell.
    pub(crate) fn deny(&self, before: &Arc<State>, fingerprint: Fingerprint, lease: u64, is_reused: bool) {
        let mut side = self.side.lock();
        let denials = &mut side.get_or_insert_default().denials;
        denials.retain(|denial| denial.state.strong_count() > 0 && denial.fingerprint != fingerprint);
        if denials.len() == DENIALS {
            denials.pop_front();
        }
        denials.push_back(Denial { fingerprint, lease, is_reused, state: Arc::downgrade(before) });
    }

    /// What is remembered of a secret that does not open the session.
    pub(crate) fn denial(&self, fingerprint: Fingerprint) -> Option<Denial> {
        let side = self.side.lock();
        let present = Arc::clone(&self.state());
        let valid =
            |denial: &&Denial| denial.fingerprint == fingerprint && denial.state.as_ptr() == Arc::as_ptr(&present);
        side.as_ref()?.denials.iter().find(valid).cloned()
    }

    /// A receiver that hears why the session ended.
    pub(crate) fn watch_end(&self) -> watch::Receiver<Option<EndReason>> {
        let mut side = self.side.lock();
        let sender = side.get_or_insert_default().ended.get_or_insert_with(|| watch::Sender::new(None));
        // Under the lock that `announce_end` takes: either it finds this sender, or this finds the end.
        if let State::Ended(reason) = **self.state() {
            sender.send_replace(Some(reason));
        }
        sender.subscribe()
    }

    /// Whether anybody waits for the end of the session.
    pub(crate) fn is_watched(&self) -> bool {
        let side = self.side.lock();
        side.as_ref().and_then(|side| side.ended.as_ref()).is_some_and(|sender| sender.receiver_count() > 0)
    }

    /// Has those who wait for the end look for themselves whether the session is still theirs.
    pub(crate) fn wake_watchers(&self) {
        self.with_side(|side| {
            if let Some(sender) = &side.ended {
                sender.send_replace(None);
            }
        });
    }

    /// Wakes who waits for the end.
    pub(crate) fn announce_end(&self, reason: EndReason) {
        self.with_side(|side| {
            side.flights.clear();
            if let Some(sender) = side.ended.take() {
                sender.send_replace(Some(reason));
            }
        });
    }

    /// Drops what nobody needs any more.
    pub(crate) fn tidy(&self) {
        self.with_side(|_| {});
    }

    fn with_side(&self, act: impl FnOnce(&mut Side)) {
        let mut slot = self.side.lock();
        let Some(side) = slot.as_deref_mut() else { return };
        act(side);
        if side.is_idle() {
            *slot = None;
        }
    }
}

impl Side {
    fn is_idle(&mut self) -> bool {
        self.ended.take_if(|sender| sender.receiver_count() == 0);
        self.turn.take_if(|turn| Arc::strong_count(turn) == 1);
        self.lines.retain(|(_, line)| Arc::strong_count(line) > 1);
        self.denials.retain(|denial| denial.state.strong_count() > 0);
        let is_quiet = self.lines.is_empty() && self.denials.is_empty();
        is_quiet && self.running == 0 && self.flights.is_empty() && self.ended.is_none() && self.turn.is_none()
    }
}
