use std::sync::atomic::Ordering::Relaxed;

use crate::sync::{Arc, ArcCell, AtomicU64, Mutex};
use crate::time::Timestamp;
use crate::token::Selector;

use super::EndReason;
use super::snapshot::{SecretLineage, Snapshot};
use super::waiters::Waiters;
use crate::token::Fingerprint;

/// The place of one session in the local tier.
///
/// Everything that must be consistent is one immutable [`EntryState`] behind an atomic swap, so readers
/// take no lock and every transition is one compare-and-swap. Only "last seen" stands beside it:
/// every request writes it, and it orders with nothing.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) selector: Selector,
    state: ArcCell<EntryState>,
    last_seen: AtomicU64,
    /// What the shared tier was last told of `last_seen`.
    reported: AtomicU64,
    /// The lineage of the secrets under which requests are in progress, one half of it, and how many these are.
    in_use: AtomicU64,
    /// Waiters, flights and queues: only sessions that have some pay for them.
    pub(crate) waiters: Mutex<Option<Box<Waiters>>>,
}

/// What a cell holds.
#[derive(Debug)]
pub(crate) enum EntryState {
    /// No copy that may be used: none was read yet, or what was read may be out of date.
    Invalidated(Invalidated),
    /// The session.
    Live(Snapshot),
    /// The session is over, for good.
    Ended(EndReason),
}

/// What is left of a copy that may not be used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invalidated {
    /// The copy: most of its values will turn out to be unchanged.
    pub(crate) last_copy: Option<Arc<EntryState>>,
    /// Since when nobody vouches for it. `None` if it is known to be out of date.
    pub(crate) suspect_since: Option<Timestamp>,
}

impl EntryState {
    /// Nothing was read yet.
    pub(crate) const fn unread() -> Self {
        Self::Invalidated(Invalidated { last_copy: None, suspect_since: None })
    }

    pub(crate) const fn snapshot(&self) -> Option<&Snapshot> {
        match self {
            Self::Live(snapshot) => Some(snapshot),
            Self::Invalidated(_) | Self::Ended(_) => None,
        }
    }

    /// The session as it was when it was last known, for what does not have to be up to date.
    pub(crate) fn last_known(&self) -> Option<&Snapshot> {
        match self {
            Self::Live(snapshot) => Some(snapshot),
            Self::Invalidated(invalidated) => invalidated.last_copy.as_ref().and_then(|former| former.last_known()),
            Self::Ended(_) => None,
        }
    }

    pub(crate) fn weight(&self) -> u64 {
        self.last_known().map_or(0, Snapshot::weight)
    }

    /// Whether this is a live session that nobody is logged in to.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.snapshot().is_some_and(Snapshot::is_anonymous)
    }
}

/// A transition that took place.
#[derive(Debug)]
pub(crate) struct Transition {
    pub(crate) before: Arc<EntryState>,
    pub(crate) after: Arc<EntryState>,
}

impl Transition {
    /// By how much the session's bytes grew.
    pub(crate) fn growth(&self) -> i64 {
        self.after.weight().cast_signed() - self.before.weight().cast_signed()
    }
}

impl Entry {
    pub(crate) fn new(selector: Selector, state: EntryState, now: Timestamp) -> Self {
        // Of a session that is only asked for, the shared tier may not have heard for long.
        let reported = if state.snapshot().is_some() { now } else { Timestamp::default() };
        Self {
            selector,
            state: ArcCell::new(Arc::new(state)),
            last_seen: AtomicU64::new(now.as_millis()),
            reported: AtomicU64::new(reported.as_millis()),
            in_use: AtomicU64::new(0),
            waiters: Mutex::new(None),
        }
    }

    /// A borrow of the present state.
    pub(crate) fn state(&self) -> arc_swap::Guard<Arc<EntryState>> {
        self.state.load()
    }

    /// Replaces the state by what `next` makes of it, again and again until nobody interferes.
    /// `None` from `next` leaves everything as it is.
    pub(crate) fn transition(
        &self,
        mut next: impl FnMut(&Arc<EntryState>) -> Option<EntryState>,
    ) -> Option<Transition> {
        loop {
            let before = Arc::clone(&self.state());
            let after = Arc::new(next(&before)?);
            if self.state.compare_exchange(&before, Arc::clone(&after)) {
                return Some(Transition { before, after });
            }
        }
    }

    /// Puts `after` in place if `before` is still there.
    pub(crate) fn replace(&self, before: &Arc<EntryState>, after: impl Into<Arc<EntryState>>) -> Option<Transition> {
        let after = after.into();
        let replaced = self.state.compare_exchange(before, Arc::clone(&after));
        replaced.then(|| Transition { before: Arc::clone(before), after })
    }

    /// A request of this session was seen.
    pub(crate) fn touch(&self, now: Timestamp) {
        let now = now.as_millis();
        if self.last_seen.load(Relaxed) < now {
            self.last_seen.fetch_max(now, Relaxed);
        }
    }

    pub(crate) fn last_seen(&self) -> Timestamp {
        Timestamp::from_millis(self.last_seen.load(Relaxed))
    }

    /// Whether the shared tier should be told of `last_seen`; answers `true` to one caller only.
    pub(crate) fn claim_touch_report(&self, every: u64) -> bool {
        let seen = self.last_seen.load(Relaxed);
        let reported = self.reported.load(Relaxed);
        seen >= reported.saturating_add(every)
            && self.reported.compare_exchange(reported, seen, Relaxed, Relaxed).is_ok()
    }

    /// The later of `now` and the last request that is known, whichever node saw it: a clock that lags behind does not
    /// prolong what ended on another one.
    pub(crate) fn latest(&self, now: Timestamp) -> Timestamp {
        now.max(self.last_seen())
    }

    /// Whether the holder of this fingerprint may use the session now.
    pub(crate) fn admits(&self, snapshot: &Snapshot, fingerprint: Fingerprint, now: Timestamp) -> bool {
        snapshot.admits(fingerprint, now, || self.latest(now))
    }

    /// The shared tier knows that the session was seen at `at`.
    pub(crate) fn mark_touch_reported(&self, at: Timestamp) {
        self.reported.fetch_max(at.as_millis(), Relaxed);
    }

    /// Why the session must end now, if it must.
    pub(crate) fn expiry_reason(&self, snapshot: &Snapshot, now: Timestamp) -> Option<EndReason> {
        if now >= snapshot.absolute {
            return Some(EndReason::Absolute);
        }
        (now >= snapshot.deadline(self.last_seen()) && !self.is_in_use(snapshot)).then_some(EndReason::Idle)
    }
}

/// The lower half of `in_use`.
const REQUEST_COUNT: u64 = u32::MAX as u64;

impl Entry {
    /// A request begins under which the session must not fall idle. It was admitted by a secret of this lineage.
    pub(crate) fn add_request(&self, lineage: SecretLineage) {
        let one_more = |in_use: u64| {
            let is_same = in_use >> 32 == lineage.high_bits();
            Some(if is_same { in_use + 1 } else { lineage.high_bits() << 32 | 1 })
        };
        let _counted = self.in_use.fetch_update(Relaxed, Relaxed, one_more);
    }

    /// A request is over that entered under this lineage. Where a login has begun another one since, those that entered
    /// before it count no more.
    pub(crate) fn remove_request(&self, lineage: SecretLineage) {
        let one_less =
            |in_use: u64| (in_use >> 32 == lineage.high_bits() && in_use & REQUEST_COUNT > 0).then(|| in_use - 1);
        let _counted = self.in_use.fetch_update(Relaxed, Relaxed, one_less);
    }

    /// Whether a request is in progress, under whichever secret.
    pub(crate) fn has_requests(&self) -> bool {
        self.in_use.load(Relaxed) & REQUEST_COUNT > 0
    }

    /// Whether a request is in progress that was admitted by the present secret, or by one that this was renewed from:
    /// a secret that a login replaced keeps nothing alive.
    pub(crate) fn is_in_use(&self, snapshot: &Snapshot) -> bool {
        let in_use = self.in_use.load(Relaxed);
        in_use & REQUEST_COUNT > 0 && in_use >> 32 == snapshot.lineage().high_bits()
    }
}
