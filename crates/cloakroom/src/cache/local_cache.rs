use std::time::Duration;

use crate::sync::{Arc, AtomicU64};
use crate::time::Timestamp;
use crate::token::Selector;

use super::EndReason;
use super::account::Account;
use super::budget::Budget;
use super::change::{ApplyError, Change, LocalGuard};
use super::entry::{Entry, EntryState, Invalidated, Transition};
use super::expire::UNUSED_TTL;
use super::limits::{Limits, TooLarge};
use super::snapshot::Snapshot;
use super::table::Table;
use super::values::Values;
use super::wheel::Wheel;

/// Whether what is lost here is lost for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// These are the sessions.
    Primary,
    /// These are copies; the sessions are in a shared tier.
    Replica,
}

/// Why a change was not made in the local tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeError {
    Ended(EndReason),
    /// There is no copy to change.
    Invalidated,
    Superseded,
    Conflict,
    TooLarge(TooLarge),
    /// Memory is full and nothing may be evicted.
    Full,
}

impl From<ApplyError> for ChangeError {
    fn from(refusal: ApplyError) -> Self {
        match refusal {
            ApplyError::Superseded => Self::Superseded,
            ApplyError::Conflict => Self::Conflict,
        }
    }
}

/// Hears what the tier does of its own accord.
pub(crate) trait Observer: Send + Sync + std::fmt::Debug {
    /// A session is over. `before` is what it was.
    fn ended(&self, entry: &Arc<Entry>, before: &EntryState, reason: EndReason);

    /// A copy's time is over, and somebody waits to hear whether the session's is.
    fn recheck(&self, entry: &Arc<Entry>);

    /// A request of a session is in progress, and the session should not fall idle where its record is.
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
    /// Which shard gives way next when memory is full.
    pub(super) next_victim_shard: AtomicU64,
    pub(super) observer: Arc<dyn Observer>,
}

/// What a tier is made with.
#[derive(Debug)]
pub(crate) struct CacheConfig {
    pub(crate) role: Role,
    pub(crate) limits: Limits,
    pub(crate) max_bytes: u64,
    pub(crate) pack_after: Option<Duration>,
    /// How often to look whether a request is in progress, where the tier holds copies.
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

    /// Looks at every cell, one shard at a time.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&Arc<Entry>)) {
        for shard in self.table.shards() {
            shard.entries().iter().for_each(&mut look);
        }
    }

    /// How many cells there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes taken.
    pub(crate) fn bytes(&self) -> u64 {
        self.budget.used()
    }

    pub(crate) fn get(&self, selector: &Selector) -> Option<Arc<Entry>> {
        self.table.get(selector)
    }

    /// The cell of a tag, a vacant one if there was none.
    pub(crate) fn get_or_insert_unread(&self, selector: &Selector, now: Timestamp) -> Arc<Entry> {
        let (entry, new) = self.table.get_or_insert(selector, || Entry::new(*selector, EntryState::unread(), now));
        if new {
            self.wheel
                .schedule(&entry, now.after(self.check_interval.map_or(UNUSED_TTL, |every| every.min(UNUSED_TTL))));
        }
        entry
    }

    /// Adds a new session. `Ok(None)` if its tag is taken.
    pub(crate) fn insert(
        &self,
        selector: Selector,
        snapshot: Snapshot,
        now: Timestamp,
    ) -> Result<Option<Arc<Entry>>, ChangeError> {
        self.check(&snapshot)?;
        let weight = snapshot.weight();
        self.make_room(weight, &selector)?;
        let entry = Arc::new(Entry::new(selector, EntryState::Live(snapshot), now));
        // Before anybody can find the cell, because whoever ends it counts it out again.
        let anonymous = i64::from(entry.state().is_anonymous());
        self.table.count_anonymous(&selector, anonymous);
        if !self.table.insert(&entry) {
            self.table.count_anonymous(&selector, -anonymous);
            self.budget.release(weight);
            return Ok(None);
        }
        self.schedule(&entry, now);
        Ok(Some(entry))
    }

    /// Makes a change, or says why not. Nothing is changed then.
    pub(crate) fn commit(&self, entry: &Arc<Entry>, change: &Change<'_>) -> Result<Transition, ChangeError> {
        loop {
            let before = Arc::clone(&entry.state());
            let snapshot = match &*before {
                EntryState::Live(snapshot) => snapshot,
                EntryState::Invalidated(_) => return Err(ChangeError::Invalidated),
                EntryState::Ended(reason) => return Err(ChangeError::Ended(*reason)),
            };
            let next = snapshot.apply(change)?;
            if next.values.is_larger_than(&snapshot.values) {
                self.check(&next)?;
            }
            if let Some(transition) = self.replace(entry, &before, next)? {
                return Ok(transition);
            }
        }
    }

    /// Puts a newer snapshot in place of exactly the state that its maker saw. `Ok(None)` if
    /// something else happened to the cell meanwhile.
    pub(crate) fn replace(
        &self,
        entry: &Arc<Entry>,
        before: &Arc<EntryState>,
        next: Snapshot,
    ) -> Result<Option<Transition>, ChangeError> {
        self.replace_state(entry, before, Arc::new(EntryState::Live(next)))
    }

    /// The same with a state that its maker may keep a share of.
    pub(crate) fn replace_state(
        &self,
        entry: &Arc<Entry>,
        before: &Arc<EntryState>,
        next: Arc<EntryState>,
    ) -> Result<Option<Transition>, ChangeError> {
        let growth = next.weight().saturating_sub(before.weight());
        self.make_room(growth, &entry.selector)?;
        let transition = entry.replace(before, next);
        match &transition {
            Some(transition) => {
                self.account(entry, transition);
                // The timer is to come for the session's sake, and not when an unused cell would have been due.
                if matches!(&*transition.before, EntryState::Invalidated(Invalidated { last_copy: None, .. })) {
                    self.schedule_filled(entry);
                }
            }
            None => self.budget.release(growth),
        }
        Ok(transition)
    }

    /// Ends a session for good. Answers whether this call did: one caller only ends a session.
    pub(crate) fn end(&self, entry: &Arc<Entry>, reason: EndReason) -> bool {
        self.end_if(entry, true, |_| Some(reason)).is_some()
    }

    /// Ends a session for good if the guard holds at that very moment.
    pub(crate) fn end_guarded(&self, entry: &Arc<Entry>, guard: LocalGuard, now: Timestamp, reason: EndReason) -> bool {
        let holds = |state: &EntryState| state.snapshot().is_some_and(|snapshot| snapshot.satisfies(guard, now));
        self.end_if(entry, true, |state| holds(state).then_some(reason)).is_some()
    }

    /// Ends the copies of one session for good. Answers whether there was something to tell the
    /// observer, who hears of it once: a copy that is being forgotten may still live beside its successor.
    pub(crate) fn end_copies(&self, copies: impl Iterator<Item = Arc<Entry>>, reason: EndReason) -> bool {
        copies.fold(false, |told, entry| {
            let ended = self.end_if(&entry, !told, |_| Some(reason));
            told || ended.is_some_and(|transition| transition.before.last_known().is_some())
        })
    }

    /// Ends a session whose time is over, unless somebody has just prolonged it.
    pub(crate) fn end_expired(&self, entry: &Arc<Entry>, now: Timestamp) -> bool {
        self.end_if(entry, true, |state| state.snapshot().and_then(|snapshot| entry.expiry_reason(snapshot, now)))
            .is_some()
    }

    /// Ends a session nobody is logged in to, because memory is full.
    pub(super) fn end_anonymous(&self, entry: &Arc<Entry>) -> bool {
        self.end_if(entry, true, |state| state.is_anonymous().then_some(EndReason::Evicted)).is_some()
    }

    /// Ends a session if it is, at the very moment of its end, as it must be.
    fn end_if(
        &self,
        entry: &Arc<Entry>,
        tell: bool,
        reason: impl Fn(&EntryState) -> Option<EndReason>,
    ) -> Option<Transition> {
        let end = |state: &Arc<EntryState>| match &**state {
            EntryState::Ended(_) => None,
            alive => reason(alive).map(EntryState::Ended),
        };
        let transition = entry.transition(end);
        if matches!(**entry.state(), EntryState::Ended(_)) {
            // Also after losing the race: whoever gets an answer must find the session out of the table.
            self.table.remove(entry);
        }
        let transition = transition?;
        self.account(entry, &transition);
        if let EntryState::Ended(reason) = *transition.after {
            if tell {
                self.observer.ended(entry, &transition.before, reason);
            }
            entry.notify_end(reason);
        }
        Some(transition)
    }

    /// Whether this very cell is the one of its tag: no invalidation reaches any other.
    pub(crate) fn contains(&self, entry: &Arc<Entry>) -> bool {
        self.table.contains(entry)
    }

    /// The copy is out of date. Reads that are under way will not fill it.
    pub(crate) fn invalidate(&self, entry: &Entry) {
        self.invalidate_since(entry, None);
    }

    /// The copy may be out of date, for all that is known since `now`. Reads that are under way will not fill it.
    pub(crate) fn suspect(&self, entry: &Entry, now: Timestamp) {
        self.invalidate_since(entry, Some(now));
    }

    fn invalidate_since(&self, entry: &Entry, doubted_at: Option<Timestamp>) {
        let vacated = entry.transition(|state| match &**state {
            EntryState::Ended(_) => None,
            EntryState::Invalidated(Invalidated { last_copy: former, suspect_since: before }) => {
                Some(EntryState::Invalidated(Invalidated {
                    last_copy: former.clone(),
                    suspect_since: doubted_at.and(*before),
                }))
            }
            EntryState::Live(_) => Some(EntryState::Invalidated(Invalidated {
                last_copy: Some(Arc::clone(state)),
                suspect_since: doubted_at,
            })),
        });
        if let Some(transition) = vacated {
            self.account(entry, &transition);
        }
    }

    /// Forgets the copy of another cell than this one, if there is one.
    pub(crate) fn invalidate_successor(&self, entry: &Arc<Entry>) {
        if let Some(other) = self.get(&entry.selector).filter(|other| !Arc::ptr_eq(other, entry)) {
            self.invalidate(&other);
        }
    }

    /// Takes a cell that was never filled out of the tier.
    pub(crate) fn remove_if_unfilled(&self, entry: &Arc<Entry>) {
        if matches!(&**entry.state(), EntryState::Invalidated(Invalidated { last_copy: None, .. })) {
            self.remove(entry);
        }
    }

    /// Takes a copy out of the tier; the session lives on elsewhere.
    pub(crate) fn remove(&self, entry: &Arc<Entry>) {
        self.table.remove(entry);
        // A new vacancy also where there was one: whoever is about to fill the old one must not,
        // because no invalidation reaches a cell outside the table.
        let forgotten = entry.transition(|state| match &**state {
            EntryState::Live(_) | EntryState::Invalidated(_) => Some(EntryState::unread()),
            EntryState::Ended(_) => None,
        });
        if let Some(transition) = forgotten {
            self.account(entry, &transition);
        }
    }

    /// The live state with its values unpacked for good, if they were packed.
    pub(crate) fn unpack(&self, entry: &Entry) {
        loop {
            let before = Arc::clone(&entry.state());
            let EntryState::Live(snapshot @ Snapshot { values: Values::Packed(packed), .. }) = &*before else { return };
            let next = Snapshot { values: Values::Live(packed.unpack()), ..snapshot.clone() };
            // A read must not fail for want of memory, so this may exceed the budget until the next write.
            let growth = next.weight().saturating_sub(snapshot.weight());
            self.budget.force(growth);
            match entry.replace(&before, EntryState::Live(next)) {
                Some(transition) => return self.account(entry, &transition),
                None => self.budget.release(growth),
            }
        }
    }

    /// Books a transition: growth was reserved before it, everything else is settled here.
    pub(super) fn account(&self, entry: &Entry, transition: &Transition) {
        // In this order, so that what is booked never falls below what is taken.
        if let Some((account, weight)) = account_of(&transition.after) {
            account.add(weight);
        }
        if let Some((account, weight)) = account_of(&transition.before) {
            account.subtract(weight);
        }
        let growth = transition.growth();
        if growth < 0 {
            self.budget.release(growth.unsigned_abs());
        }
        let anonymous = i64::from(transition.after.is_anonymous()) - i64::from(transition.before.is_anonymous());
        if anonymous != 0 {
            self.table.count_anonymous(&entry.selector, anonymous);
        }
    }
}

/// The account of a state's principal, and what the state adds to it.
fn account_of(state: &EntryState) -> Option<(&Account, u64)> {
    let snapshot = state.last_known()?;
    Some((snapshot.account()?, snapshot.weight()))
}
