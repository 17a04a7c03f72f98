//! The entry of one session and the states it can be in.

use std::ops::Deref;
use std::sync::atomic::Ordering::Relaxed;

use crate::sync::{Arc, AtomicU64, Mutex, RwLock};
use crate::time::Timestamp;
use crate::token::Selector;

use super::EndReason;
use super::change::ChangeError;
use super::snapshot::{SecretLineage, Snapshot};
use super::waiters::Waiters;
use crate::token::Fingerprint;

/// The place of one session in the local tier.
///
/// Everything that must be consistent is one [`EntryState`], which is stored in the entry itself and
/// replaced as a whole under the entry's own lock. A change that takes time, or runs code of the
/// application, is computed from a copy without the lock, and replaces the present state if that
/// still has the same stamp. Only `last_seen` and the requests in progress are kept outside of it:
/// every request writes them, and no ordering depends on them.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) selector: Selector,
    last_seen: AtomicU64,
    state: RwLock<StampedState>,
    /// The value of `last_seen` that was last reported to the shared tier.
    reported: AtomicU64,
    /// Upper 32 bits: half of the lineage of the secrets that admitted the requests in progress.
    /// Lower 32 bits: the number of these requests.
    in_use: AtomicU64,
    /// Watchers, loads and locks. Allocated only for sessions that use them. The state may be locked
    /// while these are, but not the other way round.
    pub(crate) waiters: Mutex<Option<Box<Waiters>>>,
}

/// Number of a state among those of its entry. Every transition increments it, so equal stamps mean
/// that nothing has happened in between; two states that look the same may have different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// The stamp of a state that is not in the entry.
    pub(crate) const NONE: Self = Self(0);

    const FIRST: Self = Self(1);

    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A state of an entry, with its stamp.
#[derive(Clone, Debug)]
pub(crate) struct StampedState {
    pub(crate) stamp: Stamp,
    pub(crate) state: EntryState,
}

impl StampedState {
    /// A state that is not in the entry, so that nothing can replace it there.
    pub(crate) const fn detached(state: EntryState) -> Self {
        Self { stamp: Stamp::NONE, state }
    }
}

impl Deref for StampedState {
    type Target = EntryState;

    fn deref(&self) -> &EntryState {
        &self.state
    }
}

/// State of an entry.
#[derive(Clone, Debug)]
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
    pub(crate) last_copy: Option<Arc<Snapshot>>,
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
            Self::Invalidated(invalidated) => invalidated.last_copy.as_deref(),
            Self::Ended(_) => None,
        }
    }

    /// Returns `true` if no record was read yet, or the copy was dropped.
    pub(crate) const fn is_unread(&self) -> bool {
        matches!(self, Self::Invalidated(Invalidated { last_copy: None, .. }))
    }

    pub(crate) fn weight(&self) -> u64 {
        self.last_known().map_or(0, Snapshot::weight)
    }

    /// Returns `true` if this is a live session without a login.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.snapshot().is_some_and(Snapshot::is_anonymous)
    }
}

impl Entry {
    pub(crate) fn new(selector: Selector, state: EntryState, now: Timestamp) -> Self {
        // If the session is still to be read, the last touch that the shared tier received is
        // unknown, and may be long ago.
        let reported = if state.snapshot().is_some() { now } else { Timestamp::default() };
        Self {
            selector,
            last_seen: AtomicU64::new(now.as_millis()),
            state: RwLock::new(StampedState { stamp: Stamp::FIRST, state }),
            reported: AtomicU64::new(reported.as_millis()),
            in_use: AtomicU64::new(0),
            waiters: Mutex::new(None),
        }
    }

    /// Reads the current state. The entry is locked meanwhile: `read` must not use the state of the
    /// entry in another way, and must not run code of the application.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&StampedState) -> R) -> R {
        read(&self.state.read())
    }

    /// Copies the current state, to act on it without the lock and to replace exactly this one.
    pub(crate) fn state(&self) -> StampedState {
        self.state.read().clone()
    }

    /// Returns why the session has ended, if it has.
    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        self.read(|state| match &state.state {
            EntryState::Ended(reason) => Some(*reason),
            EntryState::Live(_) | EntryState::Invalidated(_) => None,
        })
    }

    /// Returns the stamp of the current state.
    pub(crate) fn stamp(&self) -> Stamp {
        self.state.read().stamp
    }

    /// Replaces the state by the result of `next`, and returns the state before. `None` from `next`
    /// leaves the state unchanged. `settle` receives the states before and after.
    ///
    /// The entry is locked for both, with the rules of [`read`](Self::read).
    pub(super) fn transition(
        &self,
        next: impl FnOnce(&EntryState) -> Option<EntryState>,
        settle: impl FnOnce(&EntryState, &EntryState),
    ) -> Option<EntryState> {
        let mut present = self.state.write();
        let after = next(&present.state)?;
        settle(&present.state, &after);
        present.stamp = present.stamp.next();
        let before = std::mem::replace(&mut present.state, after);
        // What the caller drops may run code of the application, which may use this session.
        drop(present);
        Some(before)
    }

    /// Replaces the state by `after` if it still has this stamp. Returns the stamp of `after`.
    /// `settle` is that of [`transition`](Self::transition).
    pub(super) fn replace(
        &self,
        stamp: Stamp,
        after: EntryState,
        settle: impl FnOnce(&EntryState, &EntryState),
    ) -> Option<Stamp> {
        let mut present = self.state.write();
        if present.stamp != stamp {
            // `after` must not be dropped under the lock either.
            drop(present);
            return None;
        }
        settle(&present.state, &after);
        present.stamp = present.stamp.next();
        let stamp = present.stamp;
        let before = std::mem::replace(&mut present.state, after);
        drop(present);
        drop(before);
        Some(stamp)
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
