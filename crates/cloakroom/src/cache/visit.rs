//! What the timer does with a cell that is due: it ends, packs or forgets it.

use std::time::Duration;

use crate::sync::Arc;
use crate::time::Timestamp;

use super::cell::{Cell, State};
use super::packed::Packed;
use super::snapshot::Snapshot;
use super::tier::{Holding, Tier};
use super::values::Values;

/// A vacant cell that was not filled by then is forgotten.
pub(super) const UNUSED: Duration = Duration::from_secs(60);
/// A session whose deadline is over and that a request keeps alive is looked at again after this.
const WHILE_IN_USE: Duration = Duration::from_secs(1);

impl Tier {
    /// Visits some cells that are due. Answers whether more are.
    pub(crate) fn visit_due(&self, now: Timestamp) -> bool {
        self.wheel.advance(now, |cell| self.visit(cell, now))
    }

    fn visit(&self, cell: &Arc<Cell>, now: Timestamp) -> Option<Timestamp> {
        let state = Arc::clone(&cell.state());
        cell.tidy();
        if let (true, Some(every)) = (self.is_kept_by_users(cell, &state, now), self.look_every) {
            self.observer.in_use(cell);
            return Some(now.after(every));
        }
        let Some(snapshot) = state.snapshot() else {
            // An ended cell is out of the table already; a vacant one is a copy nobody came back for.
            return self.give_up(cell, &state, now);
        };
        if cell.overdue(snapshot, now).is_some() {
            if self.holding == Holding::Copy {
                return self.give_up(cell, &state, now);
            }
            // Prolonged at this very moment, it is looked at again at the next tick.
            return (!self.end_overdue(cell, now)).then_some(now);
        }
        let next = self.pack_if_quiet(cell, &state, snapshot, now);
        // A request may begin at any time, and be in progress when the deadline comes that is known now.
        let next = self.look_every.map_or(next, |every| next.min(now.after(every)));
        Some(if cell.is_in_use(snapshot) { next.max(now.after(WHILE_IN_USE)) } else { next })
    }

    /// Whether a copy has to stay because a request is in progress, and its record be kept alive.
    fn is_kept_by_users(&self, cell: &Cell, state: &State, now: Timestamp) -> bool {
        self.holding == Holding::Copy
            && cell.has_users()
            && state.last_known().is_some_and(|snapshot| cell.is_in_use(snapshot) && now < snapshot.absolute)
    }

    fn give_up(&self, cell: &Arc<Cell>, state: &State, now: Timestamp) -> Option<Timestamp> {
        if matches!(state, State::Ended(_)) {
            return None;
        }
        if cell.is_watched() {
            self.observer.doubted(cell);
            return Some(now.after(UNUSED));
        }
        // Looked at early, because a request may be in progress: it has the usual time to be filled, unless the timeout of
        // what it was filled with is over.
        let unused_at = cell.last_seen().after(UNUSED);
        let deadline = state.last_known().map(|former| former.deadline(cell.last_seen()));
        let unused_at = deadline.map_or(unused_at, |deadline| deadline.min(unused_at));
        if self.look_every.is_some() && matches!(state, State::Vacant(_)) && now < unused_at {
            return Some(unused_at);
        }
        self.forget(cell);
        None
    }

    /// Packs what nobody used for a while, and says when to look again.
    fn pack_if_quiet(&self, cell: &Arc<Cell>, state: &Arc<State>, snapshot: &Snapshot, now: Timestamp) -> Timestamp {
        let deadline = snapshot.deadline(cell.last_seen());
        let Some(pack_after) = self.pack_after else { return deadline };
        let Some(entries) = snapshot.values.entries() else { return deadline };
        let quiet_at = cell.last_seen().after(pack_after);
        if now < quiet_at {
            return quiet_at.min(deadline);
        }
        let smaller = |packed: &Packed| packed.weight() < snapshot.values.weight();
        if let Some(packed) = Packed::pack(entries).filter(smaller) {
            let packed = Snapshot { values: Values::Packed(packed), ..snapshot.clone() };
            if let Some(transition) = cell.replace(state, State::Live(packed)) {
                self.settle(cell, &transition);
            }
        }
        deadline
    }

    /// Has the timer visit a cell when something may be due.
    pub(super) fn watch_time(&self, cell: &Arc<Cell>, now: Timestamp) {
        if let Some(due) = self.due(cell, now) {
            self.wheel.schedule(cell, due);
        }
    }

    /// The same for a cell that was vacant until now: it is visited after [`UNUSED`] in any case.
    pub(super) fn watch_filled(&self, cell: &Arc<Cell>) {
        let filled = cell.last_seen();
        if let Some(due) = self.due(cell, filled).filter(|due| *due < filled.after(UNUSED)) {
            self.wheel.schedule(cell, due);
        }
    }

    fn due(&self, cell: &Cell, now: Timestamp) -> Option<Timestamp> {
        let state = cell.state();
        let deadline = state.snapshot()?.deadline(cell.last_seen());
        let due = self.pack_after.map_or(deadline, |after| now.after(after).min(deadline));
        Some(self.look_every.map_or(due, |every| due.min(now.after(every))))
    }
}
