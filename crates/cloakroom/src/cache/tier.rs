use std::time::Duration;

use crate::identity::Tag;
use crate::sync::{Arc, AtomicU64};
use crate::time::Timestamp;

use super::EndReason;
use super::account::Account;
use super::budget::Budget;
use super::cell::{Cell, State, Transition, Vacancy};
use super::change::{Change, Guard, Refusal};
use super::limits::{Limits, TooLarge};
use super::snapshot::Snapshot;
use super::table::Table;
use super::values::Values;
use super::visit::UNUSED;
use super::wheel::Wheel;

/// Whether what is lost here is lost for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holding {
    /// These are the sessions.
    Only,
    /// These are copies; the sessions are in a shared tier.
    Copy,
}

/// Why a change was not made in the local tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Ended(EndReason),
    /// There is no copy to change.
    Vacant,
    Superseded,
    Conflict,
    TooLarge(TooLarge),
    /// Memory is full and nothing may be evicted.
    Full,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Superseded => Self::Superseded,
            Refusal::Conflict => Self::Conflict,
        }
    }
}

/// Hears what the tier does of its own accord.
pub(crate) trait Observer: Send + Sync + std::fmt::Debug {
    /// A session is over. `before` is what it was.
    fn ended(&self, cell: &Arc<Cell>, before: &State, reason: EndReason);

    /// A copy's time is over, and somebody waits to hear whether the session's is.
    fn doubted(&self, cell: &Arc<Cell>);

    /// A request of a session is in progress, and the session should not fall idle where its record is.
    fn in_use(&self, cell: &Arc<Cell>);
}

/// All sessions of this process, within a byte budget.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(super) holding: Holding,
    pub(super) limits: Limits,
    pub(super) pack_after: Option<Duration>,
    pub(super) look_every: Option<Duration>,
    pub(super) table: Table,
    pub(super) wheel: Wheel<Cell>,
    pub(super) budget: Budget,
    /// Which shard gives way next when memory is full.
    pub(super) next_to_give: AtomicU64,
    pub(super) observer: Arc<dyn Observer>,
}

/// What a tier is made with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) holding: Holding,
    pub(crate) limits: Limits,
    pub(crate) max_bytes: u64,
    pub(crate) pack_after: Option<Duration>,
    /// How often to look whether a request is in progress, where the tier holds copies.
    pub(crate) look_every: Option<Duration>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) now: Timestamp,
}

impl Tier {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            holding: setup.holding,
            limits: setup.limits,
            pack_after: setup.pack_after,
            look_every: setup.look_every,
            table: Table::new(),
            wheel: Wheel::new(setup.now),
            budget: Budget::new(setup.max_bytes),
            next_to_give: AtomicU64::new(0),
            observer: setup.observer,
        }
    }

    /// Looks at every cell, one shard at a time.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&Arc<Cell>)) {
        for shard in self.table.shards() {
            shard.cells().iter().for_each(&mut look);
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

    pub(crate) fn get(&self, tag: &Tag) -> Option<Arc<Cell>> {
        self.table.get(tag)
    }

    /// The cell of a tag, a vacant one if there was none.
    pub(crate) fn get_or_vacant(&self, tag: &Tag, now: Timestamp) -> Arc<Cell> {
        let (cell, new) = self.table.get_or_insert(tag, || Cell::new(*tag, State::unread(), now));
        if new {
            self.wheel.schedule(&cell, now.after(self.look_every.map_or(UNUSED, |every| every.min(UNUSED))));
        }
        cell
    }

    /// Adds a new session. `Ok(None)` if its tag is taken.
    pub(crate) fn insert(&self, tag: Tag, snapshot: Snapshot, now: Timestamp) -> Result<Option<Arc<Cell>>, Refused> {
        self.check(&snapshot)?;
        let weight = snapshot.weight();
        self.make_room(weight, &tag)?;
        let cell = Arc::new(Cell::new(tag, State::Live(snapshot), now));
        // Before anybody can find the cell, because whoever ends it counts it out again.
        let anonymous = i64::from(cell.state().is_anonymous());
        self.table.count_anonymous(&tag, anonymous);
        if !self.table.insert(&cell) {
            self.table.count_anonymous(&tag, -anonymous);
            self.budget.release(weight);
            return Ok(None);
        }
        self.watch_time(&cell, now);
        Ok(Some(cell))
    }

    /// Makes a change, or says why not. Nothing is changed then.
    pub(crate) fn commit(&self, cell: &Arc<Cell>, change: &Change<'_>) -> Result<Transition, Refused> {
        loop {
            let before = Arc::clone(&cell.state());
            let snapshot = match &*before {
                State::Live(snapshot) => snapshot,
                State::Vacant(_) => return Err(Refused::Vacant),
                State::Ended(reason) => return Err(Refused::Ended(*reason)),
            };
            let next = snapshot.apply(change)?;
            if next.values.outgrows(&snapshot.values) {
                self.check(&next)?;
            }
            if let Some(transition) = self.replace(cell, &before, next)? {
                return Ok(transition);
            }
        }
    }

    /// Puts a newer snapshot in place of exactly the state that its maker saw. `Ok(None)` if
    /// something else happened to the cell meanwhile.
    pub(crate) fn replace(
        &self,
        cell: &Arc<Cell>,
        before: &Arc<State>,
        next: Snapshot,
    ) -> Result<Option<Transition>, Refused> {
        self.put(cell, before, Arc::new(State::Live(next)))
    }

    /// The same with a state that its maker may keep a share of.
    pub(crate) fn put(
        &self,
        cell: &Arc<Cell>,
        before: &Arc<State>,
        next: Arc<State>,
    ) -> Result<Option<Transition>, Refused> {
        let growth = next.weight().saturating_sub(before.weight());
        self.make_room(growth, &cell.tag)?;
        let transition = cell.replace(before, next);
        match &transition {
            Some(transition) => {
                self.settle(cell, transition);
                // The timer is to come for the session's sake, and not when an unused cell would have been due.
                if matches!(&*transition.before, State::Vacant(Vacancy { former: None, .. })) {
                    self.watch_filled(cell);
                }
            }
            None => self.budget.release(growth),
        }
        Ok(transition)
    }

    /// Ends a session for good. Answers whether this call did: one caller only ends a session.
    pub(crate) fn end(&self, cell: &Arc<Cell>, reason: EndReason) -> bool {
        self.end_if(cell, true, |_| Some(reason)).is_some()
    }

    /// Ends a session for good if the guard holds at that very moment.
    pub(crate) fn end_guarded(&self, cell: &Arc<Cell>, guard: Guard, now: Timestamp, reason: EndReason) -> bool {
        let holds = |state: &State| state.snapshot().is_some_and(|snapshot| snapshot.satisfies(guard, now));
        self.end_if(cell, true, |state| holds(state).then_some(reason)).is_some()
    }

    /// Ends the copies of one session for good. Answers whether there was something to tell the
    /// observer, who hears of it once: a copy that is being forgotten may still live beside its successor.
    pub(crate) fn end_copies(&self, copies: impl Iterator<Item = Arc<Cell>>, reason: EndReason) -> bool {
        copies.fold(false, |told, cell| {
            let ended = self.end_if(&cell, !told, |_| Some(reason));
            told || ended.is_some_and(|transition| transition.before.last_known().is_some())
        })
    }

    /// Ends a session whose time is over, unless somebody has just prolonged it.
    pub(crate) fn end_overdue(&self, cell: &Arc<Cell>, now: Timestamp) -> bool {
        self.end_if(cell, true, |state| state.snapshot().and_then(|snapshot| cell.overdue(snapshot, now))).is_some()
    }

    /// Ends a session nobody is logged in to, because memory is full.
    pub(super) fn end_anonymous(&self, cell: &Arc<Cell>) -> bool {
        self.end_if(cell, true, |state| state.is_anonymous().then_some(EndReason::Evicted)).is_some()
    }

    /// Ends a session if it is, at the very moment of its end, as it must be.
    fn end_if(&self, cell: &Arc<Cell>, tell: bool, reason: impl Fn(&State) -> Option<EndReason>) -> Option<Transition> {
        let end = |state: &Arc<State>| match &**state {
            State::Ended(_) => None,
            alive => reason(alive).map(State::Ended),
        };
        let transition = cell.transition(end);
        if matches!(**cell.state(), State::Ended(_)) {
            // Also after losing the race: whoever gets an answer must find the session out of the table.
            self.table.remove(cell);
        }
        let transition = transition?;
        self.settle(cell, &transition);
        if let State::Ended(reason) = *transition.after {
            if tell {
                self.observer.ended(cell, &transition.before, reason);
            }
            cell.announce_end(reason);
        }
        Some(transition)
    }

    /// Whether this very cell is the one of its tag: no invalidation reaches any other.
    pub(crate) fn holds(&self, cell: &Arc<Cell>) -> bool {
        self.table.holds(cell)
    }

    /// The copy is out of date. Reads that are under way will not fill it.
    pub(crate) fn vacate(&self, cell: &Cell) {
        self.empty(cell, None);
    }

    /// The copy may be out of date, for all that is known since `now`. Reads that are under way will not fill it.
    pub(crate) fn doubt(&self, cell: &Cell, now: Timestamp) {
        self.empty(cell, Some(now));
    }

    fn empty(&self, cell: &Cell, doubted_at: Option<Timestamp>) {
        let vacated = cell.transition(|state| match &**state {
            State::Ended(_) => None,
            State::Vacant(Vacancy { former, doubted_at: before }) => {
                Some(State::Vacant(Vacancy { former: former.clone(), doubted_at: doubted_at.and(*before) }))
            }
            State::Live(_) => Some(State::Vacant(Vacancy { former: Some(Arc::clone(state)), doubted_at })),
        });
        if let Some(transition) = vacated {
            self.settle(cell, &transition);
        }
    }

    /// Forgets the copy of another cell than this one, if there is one.
    pub(crate) fn vacate_other(&self, cell: &Arc<Cell>) {
        if let Some(other) = self.get(&cell.tag).filter(|other| !Arc::ptr_eq(other, cell)) {
            self.vacate(&other);
        }
    }

    /// Takes a cell that was never filled out of the tier.
    pub(crate) fn forget_unfilled(&self, cell: &Arc<Cell>) {
        if matches!(&**cell.state(), State::Vacant(Vacancy { former: None, .. })) {
            self.forget(cell);
        }
    }

    /// Takes a copy out of the tier; the session lives on elsewhere.
    pub(crate) fn forget(&self, cell: &Arc<Cell>) {
        self.table.remove(cell);
        // A new vacancy also where there was one: whoever is about to fill the old one must not,
        // because no invalidation reaches a cell outside the table.
        let forgotten = cell.transition(|state| match &**state {
            State::Live(_) | State::Vacant(_) => Some(State::unread()),
            State::Ended(_) => None,
        });
        if let Some(transition) = forgotten {
            self.settle(cell, &transition);
        }
    }

    /// The live state with its values unpacked for good, if they were packed.
    pub(crate) fn unpack(&self, cell: &Cell) {
        loop {
            let before = Arc::clone(&cell.state());
            let State::Live(snapshot @ Snapshot { values: Values::Packed(packed), .. }) = &*before else { return };
            let next = Snapshot { values: Values::Live(packed.unpack()), ..snapshot.clone() };
            // A read must not fail for want of memory, so this may exceed the budget until the next write.
            let growth = next.weight().saturating_sub(snapshot.weight());
            self.budget.force(growth);
            match cell.replace(&before, State::Live(next)) {
                Some(transition) => return self.settle(cell, &transition),
                None => self.budget.release(growth),
            }
        }
    }

    /// Books a transition: growth was reserved before it, everything else is settled here.
    pub(super) fn settle(&self, cell: &Cell, transition: &Transition) {
        // In this order, so that what is booked never falls below what is taken.
        if let Some((account, weight)) = booked(&transition.after) {
            account.add(weight);
        }
        if let Some((account, weight)) = booked(&transition.before) {
            account.subtract(weight);
        }
        let growth = transition.growth();
        if growth < 0 {
            self.budget.release(growth.unsigned_abs());
        }
        let anonymous = i64::from(transition.after.is_anonymous()) - i64::from(transition.before.is_anonymous());
        if anonymous != 0 {
            self.table.count_anonymous(&cell.tag, anonymous);
        }
    }
}

/// The account of a state's principal, and what the state adds to it.
fn booked(state: &State) -> Option<(&Account, u64)> {
    let snapshot = state.last_known()?;
    Some((snapshot.account()?, snapshot.weight()))
}
