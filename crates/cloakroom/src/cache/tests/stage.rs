//! A tier to test with, and what it reports.

use std::time::Duration;

use super::builders::{at, session};
use crate::cache::EndReason;
use crate::cache::cell::{Cell, State};
use crate::cache::change::{Change, Edit, Guard};
use crate::cache::entry::{Entry, Key, Slot};
use crate::cache::limits::Limits;
use crate::cache::snapshot::Snapshot;
use crate::cache::tier::{Holding, Observer, Refused, Setup, Tier};
use crate::identity::Tag;
use crate::sync::{Arc, Mutex};
use crate::time::Timestamp;

/// After how many seconds without use a session is packed.
pub(super) const QUIET: u64 = 60;
/// What an anonymous session without values weighs.
pub(super) const EMPTY: u64 = 256;

/// What the tier did of its own accord.
#[derive(Debug, Default)]
pub(super) struct Log {
    ended: Mutex<Vec<(Tag, EndReason)>>,
    doubted: Mutex<Vec<Tag>>,
}

impl Observer for Log {
    fn ended(&self, cell: &Arc<Cell>, _before: &State, reason: EndReason) {
        self.ended.lock().push((cell.tag, reason));
    }

    fn doubted(&self, cell: &Arc<Cell>) {
        self.doubted.lock().push(cell.tag);
    }

    fn in_use(&self, _cell: &Arc<Cell>) {}
}

impl Log {
    pub(super) fn take_ended(&self) -> Vec<(Tag, EndReason)> {
        std::mem::take(&mut *self.ended.lock())
    }

    pub(super) fn take_doubted(&self) -> Vec<Tag> {
        std::mem::take(&mut *self.doubted.lock())
    }
}

pub(super) fn tier(holding: Holding, max_bytes: u64) -> (Tier, Arc<Log>) {
    tier_that_looks(holding, max_bytes, None)
}

/// A tier that looks at its copies every so often, because a request may be in progress.
pub(super) fn tier_that_looks(holding: Holding, max_bytes: u64, look_every: Option<Duration>) -> (Tier, Arc<Log>) {
    let log = Arc::<Log>::default();
    let limits = Limits { session_bytes: 2000, value_bytes: 1000, values: 3 };
    let pack_after = Some(Duration::from_secs(QUIET));
    let observer = Arc::<Log>::clone(&log);
    (Tier::new(Setup { holding, limits, max_bytes, pack_after, look_every, observer, now: at(0) }), log)
}

pub(super) fn add(tier: &Tier, tag: Tag, snapshot: Snapshot) -> Arc<Cell> {
    tier.insert(tag, snapshot, at(0)).expect("there is room").expect("the tag is free")
}

/// Puts `size` bytes under `key`.
pub(super) fn write(tier: &Tier, cell: &Arc<Cell>, key: &'static str, size: usize) -> Result<(), Refused> {
    let slot = Slot::Encoded(Arc::from(vec![b'x'; size]));
    let (fresh_until, size) = (Timestamp::MAX, size as u32);
    let edit = Edit { key: Key::Static(key), expect: None, slot, fresh_until, size, encoded: None };
    commit(tier, cell, &[edit])
}

pub(super) fn commit(tier: &Tier, cell: &Arc<Cell>, edits: &[Edit]) -> Result<(), Refused> {
    let change = Change { guard: Guard::Anyone, edits, rotation: None, term: None, base: None, now: at(0), step: 1 };
    tier.commit(cell, &change).map(drop)
}

/// A copy that came from a store, where other limits may have been in force.
pub(super) fn fill(tier: &Tier, tag: Tag, entries: impl IntoIterator<Item = Entry>) -> Arc<Cell> {
    let cell = tier.get_or_vacant(&tag, at(0));
    let before = Arc::clone(&cell.state());
    tier.replace(&cell, &before, session(entries)).expect("a copy is never refused").expect("nobody interferes");
    cell
}

pub(super) fn end_of(cell: &Cell) -> Option<EndReason> {
    match **cell.state() {
        State::Ended(reason) => Some(reason),
        State::Live(_) | State::Vacant(_) => None,
    }
}

/// Lets the timer go round.
pub(super) fn pass(tier: &Tier, now: Timestamp) {
    while tier.visit_due(now) {}
}

/// The books are right: what is booked is what the sessions in the table weigh.
pub(super) fn audit(tier: &Tier) {
    let (mut bytes, mut anonymous) = (0, 0);
    tier.for_each(|cell| {
        bytes += cell.state().weight();
        anonymous += usize::from(cell.state().is_anonymous());
    });
    assert_eq!(tier.bytes(), bytes);
    let counted = tier.table.shards().iter().filter(|shard| shard.has_anonymous()).count();
    assert!(counted <= anonymous && (counted > 0) == (anonymous > 0), "{counted} shards for {anonymous} sessions");
}
