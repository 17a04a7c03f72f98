//! The entry of one session and the states it can be in.

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::{Arc, ArcCell, AtomicU64, Mutex};
use crate::time::Timestamp;
use crate::token::Selector;

use super::EndReason;
use super::change::ChangeError;
use super::snapshot::{SecretLineage, Snapshot};
use super::waiters::Waiters;
use crate::token::Fingerprint;

/// The place of one session in the local tier.
///
/// Everything that must be consistent is one immutable [`EntryState`] behind an atomic swap, so
/// readers take no lock and every transition is one compare-and-swap. Only `last_seen` is kept
/// outside of it: every request writes it, and no ordering depends on it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) selector: Selector,
    state: ArcCell<EntryState>,
    last_seen: AtomicU64,
    /// The value of `last_seen` that was last reported to the shared tier.
    reported: AtomicU64,
    /// Upper 32 bits: half of the lineage of the secrets that admitted the requests in progress.
    /// Lower 32 bits: the number of these requests.
    in_use: AtomicU64,
    /// Watchers, loads and locks. Allocated only for sessions that use them.
    pub(crate) waiters: Mutex<Option<Box<Waiters>>>,
}

/// State of an entry.
#[derive(Debug)]
pub(crate) enum EntryState {
    /// No usable copy: none was read yet, or the one that was read may be out of date.
    Invalidated(Invalidated),
    /// The session.
    Live(Snapshot),
    /// The session has ended for good.
    Ended(EndReason),
}

/// Remains of a copy that may not be used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invalidated {
    /// The copy itself: most of its values will turn out to be unchanged.
    pub(crate) last_copy: Option<Arc<EntryState>>,
    /// Instant since which the lease of the copy is no longer known to be valid. `None` if the copy
    /// is known to be out of date.
    pub(crate) suspect_since: Option<Timestamp>,
}

impl EntryState {
    /// Returns the state of an entry whose record was not read yet.
    pub(crate) const fn unread() -> Self {
        Self::Invalidated(Invalidated { last_copy: None, suspect_since: None })
    }

    pub(crate) const fn snapshot(&self) -> Option<&Snapshot> {
        match self {
            Self::Live(snapshot) => Some(snapshot),
            Self::Invalidated(_) | Self::Ended(_) => None,
        }
    }

    /// Returns the snapshot of a live session, or why it cannot be changed.
    pub(crate) const fn require_live(&self) -> Result<&Snapshot, ChangeError> {
        match self {
            Self::Live(snapshot) => Ok(snapshot),
            Self::Invalidated(_) => Err(ChangeError::Invalidated),
            Self::Ended(reason) => Err(ChangeError::Ended(*reason)),
        }
    }

    /// Returns the last known snapshot, for uses that do not need an up-to-date one.
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

    /// Returns `true` if this is a live session without a login.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.snapshot().is_some_and(Snapshot::is_anonymous)
    }
}

/// A completed transition.
#[derive(Debug)]
pub(crate) struct Transition {
    pub(crate) before: Arc<EntryState>,
    pub(crate) after: Arc<EntryState>,
}

impl Transition {
    /// Returns the number of bytes by which the session grew.
    pub(crate) fn growth(&self) -> i64 {
        self.after.weight().cast_signed() - self.before.weight().cast_signed()
    }
}

impl Entry {
    pub(crate) fn new(selector: Selector, state: EntryState, now: Timestamp) -> Self {
        // If the session is still to be read, the last touch that the shared tier received is
        // unknown, and may be long ago.
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

    /// Borrows the current state.
    pub(crate) fn state(&self) -> arc_swap::Guard<Arc<EntryState>> {
        self.state.load()
    }

    /// Replaces the state by the result of `next`, which is called again whenever another
    /// transition came first. `None` from `next` leaves the state unchanged.
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

    /// Replaces the state by `after` if it is still `before`.
    pub(crate) fn replace(&self, before: &Arc<EntryState>, after: impl Into<Arc<EntryState>>) -> Option<Transition> {
        let after = after.into();
        let replaced = self.state.compare_exchange(before, Arc::clone(&after));
        replaced.then(|| Transition { before: Arc::clone(before), after })
    }

    /// Records that a request of the session was seen.
    pub(crate) fn touch(&self, now: Timestamp) {
        let now = now.as_millis();
        if self.last_seen.load(Relaxed) < now {
            self.last_seen.fetch_max(now, Relaxed);
        }
    }

    /// Lowers `last_seen` from the time at which the entry was inserted to the time that the record
    /// shows, unless a request was seen meanwhile. For an entry that no request has inserted.
    pub(crate) fn was_last_seen(&self, inserted: Timestamp, at: Timestamp) {
        let (inserted, at) = (inserted.as_millis(), at.as_millis().min(inserted.as_millis()));
        let _result = self.last_seen.compare_exchange(inserted, at, Relaxed, Relaxed);
    }

    pub(crate) fn last_seen(&self) -> Timestamp {
        Timestamp::from_millis(self.last_seen.load(Relaxed))
    }

    /// Returns `true` if `last_seen` is due to be reported to the shared tier. Of concurrent
    /// callers only one receives `true`.
    pub(crate) fn claim_touch_report(&self, every: u64) -> bool {
        let seen = self.last_seen.load(Relaxed);
        let reported = self.reported.load(Relaxed);
        seen >= reported.saturating_add(every)
            && self.reported.compare_exchange(reported, seen, Relaxed, Relaxed).is_ok()
    }

    /// Returns the later of `now` and the last known request on any node, so that a clock that lags
    /// behind does not prolong what has ended on another node.
    pub(crate) fn latest(&self, now: Timestamp) -> Timestamp {
        now.max(self.last_seen())
    }

    /// Returns `true` if the secret with this fingerprint opens the session now.
    pub(crate) fn admits(&self, snapshot: &Snapshot, fingerprint: Fingerprint, now: Timestamp) -> bool {
        snapshot.admits(fingerprint, now, || self.latest(now))
    }

    /// Records that the shared tier has received a touch at `at`.
    pub(crate) fn mark_touch_reported(&self, at: Timestamp) {
        self.reported.fetch_max(at.as_millis(), Relaxed);
    }

    /// Returns why the session must end now, if it must.
    pub(crate) fn expiry_reason(&self, snapshot: &Snapshot, now: Timestamp) -> Option<EndReason> {
        if now >= snapshot.lifetimes.absolute_deadline() {
            return Some(EndReason::Absolute);
        }
        (now >= snapshot.lifetimes.deadline(self.last_seen()) && !self.is_in_use(snapshot)).then_some(EndReason::Idle)
    }
}

/// The bits of `in_use` that count requests.
const REQUEST_COUNT: u64 = u32::MAX as u64;

impl Entry {
    /// Counts a request that begins, during which the session must not fall idle. It was admitted
    /// by a secret of this lineage.
    pub(crate) fn add_request(&self, lineage: SecretLineage) {
        let one_more = |in_use: u64| {
            let is_same = in_use >> 32 == lineage.high_bits();
            Some(if is_same { in_use + 1 } else { lineage.high_bits() << 32 | 1 })
        };
        let _counted = self.in_use.fetch_update(Relaxed, Relaxed, one_more);
    }

    /// Removes a request that was admitted under this lineage from the count. Once a login has
    /// begun a new lineage, the requests admitted before it no longer count.
    pub(crate) fn remove_request(&self, lineage: SecretLineage) {
        let one_less =
            |in_use: u64| (in_use >> 32 == lineage.high_bits() && in_use & REQUEST_COUNT > 0).then(|| in_use - 1);
        let _counted = self.in_use.fetch_update(Relaxed, Relaxed, one_less);
    }

    /// Returns `true` if a request is in progress, under any secret.
    pub(crate) fn has_requests(&self) -> bool {
        self.in_use.load(Relaxed) & REQUEST_COUNT > 0
    }

    /// Returns `true` if a request is in progress that was admitted by the current secret or by one
    /// that it was renewed from. A secret that a login replaced keeps no session alive.
    pub(crate) fn is_in_use(&self, snapshot: &Snapshot) -> bool {
        let in_use = self.in_use.load(Relaxed);
        in_use & REQUEST_COUNT > 0 && in_use >> 32 == snapshot.lineage().high_bits()
    }
}
