//! The local tier: insertion, commits, invalidation and ends of sessions.

use std::time::Duration;

use crate::sync::{Arc, AtomicU64};
use crate::time::Timestamp;
use crate::token::{Fingerprint, Guard, Selector};

use super::EndReason;
use super::account::Account;
use super::budget::Budget;
use super::change::{Change, ChangeError};
use super::entry::{Entry, EntryState, Invalidated, Stamp, StampedState};
use super::expire::UNUSED_TTL;
use super::limits::Limits;
use super::snapshot::Snapshot;
use super::table::Table;
use super::values::Values;
use super::wheel::Wheel;

/// Role of the local tier beside a shared one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// There is no shared tier: a session that is lost here is lost for good.
    Primary,
    /// The entries are copies of records in the shared tier.
    Replica,
}

/// Receives what the local tier does on its own.
pub(crate) trait Observer: Send + Sync + std::fmt::Debug {
    /// A session has ended. `before` is its last state.
    fn ended(&self, entry: &Arc<Entry>, before: &EntryState, reason: EndReason);

    /// The deadline of a copy has passed, and a watcher of its end needs to know whether the
    /// session has ended too.
    fn recheck(&self, entry: &Arc<Entry>);

    /// A request of the session is in progress, so its record must not fall idle.
    fn in_use(&self, entry: &Arc<Entry>);
}

/// All sessions of this process, within a byte budget.
#[derive(Debug)]
pub(crate) struct LocalCache {
    pub(super) role: Role,
    pub(super) limits: Limits,
    pub(super) pack_after: Option<Duration>,
    pub(super) check_interval: Option<Duration>,
    pub(super) table: Table,
    pub(super) wheel: Wheel<Entry>,
    pub(super) budget: Budget,
    /// The shard to evict from next when memory is full.
    pub(super) next_victim_shard: AtomicU64,
    pub(super) observer: Arc<dyn Observer>,
}

/// Settings of a local tier.
#[derive(Debug)]
pub(crate) struct CacheConfig {
    pub(crate) role: Role,
    pub(crate) limits: Limits,
    pub(crate) max_bytes: u64,
    pub(crate) pack_after: Option<Duration>,
    /// Interval of the checks for requests in progress, if the entries are copies.
    pub(crate) check_interval: Option<Duration>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) now: Timestamp,
}

impl LocalCache {
    pub(crate) fn new(setup: CacheConfig) -> Self {
        Self {
            role: setup.role,
            limits: setup.limits,
            pack_after: setup.pack_after,
            check_interval: setup.check_interval,
            table: Table::new(),
            wheel: Wheel::new(setup.now),
            budget: Budget::new(setup.max_bytes),
            next_victim_shard: AtomicU64::new(0),
            observer: setup.observer,
        }
    }

    /// Visits every entry, one shard at a time.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&Arc<Entry>)) {
        for shard in self.table.shards() {
            shard.entries().iter().for_each(&mut look);
        }
    }

    /// Number of shards of the table, for searches that make pauses.
    pub(crate) const fn shards(&self) -> usize {
        self.table.shards().len()
    }

    /// Finds an entry in one shard of the table.
    pub(crate) fn find_in(&self, shard: usize, is_wanted: impl Fn(&Entry) -> bool) -> Option<Arc<Entry>> {
        self.table.shards().get(shard)?.entries().into_iter().find(|entry| is_wanted(entry))
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Number of bytes in use.
    pub(crate) fn bytes(&self) -> u64 {
        self.budget.used()
    }

    pub(crate) fn get(&self, selector: &Selector) -> Option<Arc<Entry>> {
        self.table.get(selector)
    }

    /// Returns the entry of a selector, inserting an unread one if there is none.
    pub(crate) fn get_or_insert_unread(&self, selector: &Selector, now: Timestamp) -> Arc<Entry> {
        let (entry, new) = self.table.get_or_insert(selector, || Entry::new(*selector, EntryState::unread(), now));
        if new {
            self.wheel
                .schedule(&entry, now.after(self.check_interval.map_or(UNUSED_TTL, |every| every.min(UNUSED_TTL))));
        }
        entry
    }

    /// Inserts a new session. `Ok(None)` if its selector is taken.
    pub(crate) fn insert(
        &self,
        selector: Selector,
        snapshot: Snapshot,
        now: Timestamp,
    ) -> Result<Option<Arc<Entry>>, ChangeError> {
        self.check(&snapshot)?;
        let weight = snapshot.weight();
        self.make_room(weight, &selector)?;
        // Counted before the entry is visible, because ending it decrements the count.
        let anonymous = i64::from(snapshot.is_anonymous());
        let entry = Arc::new(Entry::new(selector, EntryState::Live(snapshot), now));
        self.table.count_anonymous(&selector, anonymous);
        if !self.table.insert(&entry) {
            self.table.count_anonymous(&selector, -anonymous);
            self.budget.release(weight);
            return Ok(None);
        }
        self.schedule(&entry, now);
        Ok(Some(entry))
    }

    /// Makes a change, or returns why it was not made. In that case nothing is changed.
    ///
    /// `seen` is the state that the entry had a moment ago.
    pub(crate) fn commit(
        &self,
        entry: &Arc<Entry>,
        seen: &StampedState,
        change: &Change<'_>,
    ) -> Result<(), ChangeError> {
        let mut newer;
        let mut before = seen;
        loop {
            let snapshot = before.require_live()?;
            let next = snapshot.apply(change)?;
            if next.values.is_larger_than(&snapshot.values) {
                self.check(&next)?;
            }
            if self.replace(entry, before, next)?.is_some() {
                return Ok(());
            }
            newer = entry.state();
            before = &newer;
        }
    }

    /// Replaces exactly the state `before` by a newer snapshot, and returns its stamp. `Ok(None)` if
    /// the entry has changed meanwhile.
    pub(crate) fn replace(
        &self,
        entry: &Arc<Entry>,
        before: &StampedState,
        next: Snapshot,
    ) -> Result<Option<Stamp>, ChangeError> {
        let growth = next.weight().saturating_sub(before.weight());
        self.make_room(growth, &entry.selector)?;
        let replaced = self.swap(entry, before.stamp, EntryState::Live(next));
        if replaced.is_none() {
            self.budget.release(growth);
        } else if before.is_unread() {
            // The timer was set for an unread entry; the session may need an earlier one.
            self.schedule_filled(entry);
        }
        Ok(replaced)
    }

    /// Replaces the state with this stamp. The caller has reserved the room by which it grows.
    pub(super) fn swap(&self, entry: &Entry, stamp: Stamp, next: EntryState) -> Option<Stamp> {
        entry.replace(stamp, next, |before, after| self.account(&entry.selector, before, after))
    }

    /// Ends a session for good. Returns `true` if this call did: only one call ends a session.
    pub(crate) fn end(&self, entry: &Arc<Entry>, reason: EndReason) -> bool {
        self.end_if(entry, true, |_| Some(reason)).is_some()
    }

    /// Ends a session for good if the guard holds at that very moment.
    pub(crate) fn end_guarded(
        &self,
        entry: &Arc<Entry>,
        guard: Guard<Fingerprint>,
        now: Timestamp,
        reason: EndReason,
    ) -> bool {
        let holds = |state: &EntryState| state.snapshot().is_some_and(|snapshot| snapshot.satisfies(guard, now));
        self.end_if(entry, true, |state| holds(state).then_some(reason)).is_some()
    }

    /// Ends all copies of one session for good. Returns `true` if the observer was notified of a
    /// known copy. It is notified only once, although an entry that is being removed may still be
    /// live beside its successor.
    pub(crate) fn end_copies(&self, copies: impl Iterator<Item = Arc<Entry>>, reason: EndReason) -> bool {
        copies.fold(false, |notified, entry| {
            let ended = self.end_if(&entry, !notified, |_| Some(reason));
            notified || ended.is_some_and(|before| before.last_known().is_some())
        })
    }

    /// Ends a session whose deadline has passed, unless a request has just prolonged it.
    pub(crate) fn end_expired(&self, entry: &Arc<Entry>, now: Timestamp) -> bool {
        self.end_if(entry, true, |state| state.snapshot().and_then(|snapshot| entry.expiry_reason(snapshot, now)))
            .is_some()
    }

    /// Ends a session because memory is full, if it is still anonymous.
    pub(super) fn end_anonymous(&self, entry: &Arc<Entry>) -> bool {
        self.end_if(entry, true, |state| state.is_anonymous().then_some(EndReason::Evicted)).is_some()
    }

    /// Ends a session if `reason` gives a reason for the state that is replaced, and returns that
    /// state.
    fn end_if(
        &self,
        entry: &Arc<Entry>,
        tell: bool,
        reason: impl Fn(&EntryState) -> Option<EndReason>,
    ) -> Option<EntryState> {
        let before = self.transition(entry, |state| match state {
            EntryState::Ended(_) => None,
            alive => reason(alive).map(EntryState::Ended),
        });
        let ended = entry.end_reason()?;
        // Even after losing the race: when this returns, the session must be out of the table.
        self.table.remove(entry);
        let before = before?;
        if tell {
            self.observer.ended(entry, &before, ended);
        }
        entry.notify_end(ended);
        Some(before)
    }

    /// Replaces the state by the result of `next`, which must not be larger, and returns the state
    /// before.
    fn transition(&self, entry: &Entry, next: impl FnOnce(&EntryState) -> Option<EntryState>) -> Option<EntryState> {
        entry.transition(next, |before, after| self.account(&entry.selector, before, after))
    }

    /// Returns `true` if this very entry is in the table. Invalidations reach no other.
    pub(crate) fn contains(&self, entry: &Arc<Entry>) -> bool {
        self.table.contains(entry)
    }

    /// Marks a copy as out of date. Reads in progress will not fill the entry.
    pub(crate) fn invalidate(&self, entry: &Entry) {
        self.invalidate_since(entry, None);
    }

    /// Marks a copy as possibly out of date since `now`. Reads in progress will not fill the entry.
    pub(crate) fn suspect(&self, entry: &Entry, now: Timestamp) {
        self.invalidate_since(entry, Some(now));
    }

    fn invalidate_since(&self, entry: &Entry, since: Option<Timestamp>) {
        let changed = self.transition(entry, |state| match state {
            EntryState::Ended(_) => None,
            EntryState::Invalidated(Invalidated { last_copy: former, suspect_since: before }) => {
                Some(EntryState::Invalidated(Invalidated {
                    last_copy: former.clone(),
                    suspect_since: since.and(*before),
                }))
            }
            EntryState::Live(snapshot) => Some(EntryState::Invalidated(Invalidated {
                last_copy: Some(Arc::new(snapshot.clone())),
                suspect_since: since,
            })),
        });
        if changed.is_some() {
            entry.wake_value_watchers();
        }
    }

    /// Invalidates the copy of the entry that has replaced this one in the table, if there is one.
    pub(crate) fn invalidate_successor(&self, entry: &Arc<Entry>) {
        if let Some(other) = self.get(&entry.selector).filter(|other| !Arc::ptr_eq(other, entry)) {
            self.invalidate(&other);
        }
    }

    /// Removes an entry that was never filled.
    pub(crate) fn remove_if_unfilled(&self, entry: &Arc<Entry>) {
        if entry.read(|state| state.is_unread()) {
            self.remove(entry);
        }
    }

    /// Removes a copy from the tier. The session lives on in the shared tier.
    pub(crate) fn remove(&self, entry: &Arc<Entry>) {
        self.table.remove(entry);
        // Replace the state even if the entry was unread already: a fill in progress must fail,
        // because no invalidation reaches an entry outside the table.
        self.transition(entry, |state| match state {
            EntryState::Live(_) | EntryState::Invalidated(_) => Some(EntryState::unread()),
            EntryState::Ended(_) => None,
        });
    }

    /// Unpacks the values of a live session, if they are packed.
    pub(crate) fn unpack(&self, entry: &Entry) {
        loop {
            let before = entry.state();
            let EntryState::Live(snapshot @ Snapshot { values: Values::Packed(packed), .. }) = &*before else { return };
            let next = Snapshot { values: packed.unpack().into_iter().collect(), ..snapshot.clone() };
            // A read must not fail for lack of memory, so this may exceed the budget until the next
            // write.
            let growth = next.weight().saturating_sub(snapshot.weight());
            self.budget.force(growth);
            match self.swap(entry, before.stamp, EntryState::Live(next)) {
                Some(_) => return,
                None => self.budget.release(growth),
            }
        }
    }

    /// Accounts for a transition. Its growth was reserved before; everything else is settled here.
    fn account(&self, selector: &Selector, before: &EntryState, after: &EntryState) {
        let (old, new) = (before.weight(), after.weight());
        // Add before subtracting, so that the account never falls below the bytes in use.
        if let Some(account) = account_of(after) {
            account.add(new);
        }
        if let Some(account) = account_of(before) {
            account.subtract(old);
        }
        if new < old {
            self.budget.release(old - new);
        }
        let anonymous = i64::from(after.is_anonymous()) - i64::from(before.is_anonymous());
        if anonymous != 0 {
            self.table.count_anonymous(selector, anonymous);
        }
    }
}

/// Returns the account that the bytes of a state are added to.
fn account_of(state: &EntryState) -> Option<&Arc<Account>> {
    state.last_known()?.account()
}
