//! What stands beside a session while somebody waits for something of it.

use tokio::sync::watch;

use crate::sync::Arc;

use super::EndReason;
use super::cell::{Cell, State};
use super::erased::{CodecError, Erased};
use super::fingerprint::Fingerprint;

/// Waiters and work in progress of one session.
#[derive(Debug, Default)]
pub(crate) struct Side {
    flights: Vec<(&'static str, Flight)>,
    ended: Option<watch::Sender<Option<EndReason>>>,
    turn: Option<Arc<tokio::sync::Mutex<()>>>,
}

/// A loader at work.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    /// The version of the value, and the secret of the session, when the load began. A reader who
    /// sees anything else must not wait for it: the load may predate a write that reader knows of.
    pub(crate) base: Base,
    pub(crate) landing: watch::Receiver<Option<Landing>>,
}

/// What a load started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) version: u64,
    pub(crate) fingerprint: Fingerprint,
    /// A digest of what the load is made of, where that is more than the session; else 0.
    pub(crate) input: u128,
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
}

impl Cell {
    /// Joins the flight for `key` that began from `base`, or registers the one that `launch` makes.
    /// Says whether it was registered.
    pub(crate) fn join_or_register(
        &self,
        key: &'static str,
        base: Base,
        launch: impl FnOnce() -> Flight,
    ) -> (Flight, bool) {
        let mut side = self.side.lock();
        let flights = &mut side.get_or_insert_default().flights;
        // A flight whose task is gone will never land.
        let joinable = |flight: &Flight| flight.base == base && flight.landing.has_changed().is_ok();
        if let Some((_, flight)) = flights.iter().find(|(name, flight)| *name == key && joinable(flight)) {
            return (flight.clone(), false);
        }
        flights.retain(|(name, _)| *name != key);
        let flight = launch();
        flights.push((key, flight.clone()));
        (flight, true)
    }

    /// Forgets a flight that has landed, unless a newer one took its place.
    pub(crate) fn deregister(&self, key: &'static str, base: Base) {
        self.with_side(|side| side.flights.retain(|(name, flight)| *name != key || flight.base != base));
    }

    /// Lines up the commits of this process to one record, so that they do not conflict with each other.
    pub(crate) fn turn(&self) -> Arc<tokio::sync::Mutex<()>> {
        let mut side = self.side.lock();
        Arc::clone(side.get_or_insert_default().turn.get_or_insert_default())
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

    /// Wakes who waits for the end.
    pub(crate) fn announce_end(&self, reason: EndReason) {
        self.with_side(|side| {
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
        self.flights.is_empty() && self.ended.is_none() && self.turn.is_none()
    }
}
