//! Expiry: ends, packs or removes an entry when its timer fires.

use std::time::Duration;

use crate::sync::Arc;
use crate::time::Timestamp;

use super::entry::{Entry, EntryState, StampedState};
use super::local_cache::{LocalCache, Role};
use super::packed::Packed;
use super::snapshot::Snapshot;
use super::values::Values;

/// Time after which an unread entry that was not filled is removed.
pub(super) const UNUSED_TTL: Duration = Duration::from_secs(60);
/// Delay before a session that a request keeps alive past its deadline is checked again.
const IN_USE_RECHECK: Duration = Duration::from_secs(1);

impl LocalCache {
    /// Visits some of the entries that are due. Returns `true` if more are.
    pub(crate) fn expire_due(&self, now: Timestamp) -> bool {
        self.wheel.advance(now, |entry| self.on_timer(entry, now))
    }

    fn on_timer(&self, entry: &Arc<Entry>, now: Timestamp) -> Option<Timestamp> {
        let state = entry.state();
        entry.drop_unused();
        if let (true, Some(every)) = (self.is_kept_by_requests(entry, &state, now), self.check_interval) {
            self.observer.in_use(entry);
            return Some(now.after(every));
        }
        let Some(snapshot) = state.snapshot() else {
            // An ended entry is out of the table already; an invalidated one is a copy that was not
            // read again.
            return self.remove_unused(entry, &state, now);
        };
        if entry.expiry_reason(snapshot, now).is_some() {
            if self.role == Role::Replica {
                return self.remove_unused(entry, &state, now);
            }
            // If a request has just prolonged it, check it again at the next tick.
            return (!self.end_expired(entry, now)).then_some(now);
        }
        let next = self.pack_if_quiet(entry, &state, snapshot, now);
        // A request may begin at any time and still be in progress when the deadline known now
        // passes.
        let next = self.check_interval.map_or(next, |every| next.min(now.after(every)));
        Some(if entry.is_in_use(snapshot) { next.max(now.after(IN_USE_RECHECK)) } else { next })
    }

    /// Returns `true` if a request in progress keeps the copy in memory and its record alive.
    fn is_kept_by_requests(&self, entry: &Entry, state: &EntryState, now: Timestamp) -> bool {
        self.role == Role::Replica
            && entry.has_requests()
            && state
                .last_known()
                .is_some_and(|snapshot| entry.is_in_use(snapshot) && now < snapshot.lifetimes.absolute_deadline())
    }

    fn remove_unused(&self, entry: &Arc<Entry>, state: &EntryState, now: Timestamp) -> Option<Timestamp> {
        if matches!(state, EntryState::Ended(_)) {
            return None;
        }
        if entry.is_watched() {
            self.observer.recheck(entry);
            return Some(now.after(UNUSED_TTL));
        }
        // With a check interval the timer fires early, to find requests in progress. The entry
        // still has the usual time to be filled again, unless its last copy passes its deadline
        // before.
        let unused_at = entry.last_seen().after(UNUSED_TTL);
        let deadline = state.last_known().map(|former| former.lifetimes.deadline(entry.last_seen()));
        let unused_at = deadline.map_or(unused_at, |deadline| deadline.min(unused_at));
        if self.check_interval.is_some() && matches!(state, EntryState::Invalidated(_)) && now < unused_at {
            return Some(unused_at);
        }
        self.remove(entry);
        None
    }

    /// Packs values that were not used for a while. Returns when to check the entry again.
    fn pack_if_quiet(
        &self,
        entry: &Arc<Entry>,
        state: &StampedState,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Timestamp {
        let deadline = snapshot.lifetimes.deadline(entry.last_seen());
        let Some(pack_after) = self.pack_after else { return deadline };
        let Some(entries) = snapshot.values.entries() else { return deadline };
        let quiet_at = entry.last_seen().after(pack_after);
        if now < quiet_at {
            return quiet_at.min(deadline);
        }
        let smaller = |packed: &Packed| packed.weight() < snapshot.values.weight();
        if let Some(packed) = Packed::pack(entries).filter(smaller) {
            let packed = Snapshot { values: Values::Packed(packed), ..snapshot.clone() };
            self.swap(entry, state.stamp, EntryState::Live(packed));
        }
        deadline
    }

    /// Schedules the timer of an entry for when something may be due.
    pub(super) fn schedule(&self, entry: &Arc<Entry>, now: Timestamp) {
        if let Some(due) = self.next_timer(entry, now) {
            self.wheel.schedule(entry, due);
        }
    }

    /// Schedules the timer of an entry that was unread until now. Its first timer fires after
    /// [`UNUSED_TTL`] in any case, so only an earlier one is needed.
    pub(super) fn schedule_filled(&self, entry: &Arc<Entry>) {
        let filled = entry.last_seen();
        if let Some(due) = self.next_timer(entry, filled).filter(|due| *due < filled.after(UNUSED_TTL)) {
            self.wheel.schedule(entry, due);
        }
    }

    fn next_timer(&self, entry: &Entry, now: Timestamp) -> Option<Timestamp> {
        let lifetimes = entry.read(|state| state.snapshot().map(|snapshot| snapshot.lifetimes))?;
        let deadline = lifetimes.deadline(entry.last_seen());
        let due = self.pack_after.map_or(deadline, |after| now.after(after).min(deadline));
        Some(self.check_interval.map_or(due, |every| due.min(now.after(every))))
    }
}
