//! A local tier for tests, with an observer that records what it reports.

use std::time::Duration;

use super::builders::{at, session};
use crate::cache::ChangeError;
use crate::cache::EndReason;
use crate::cache::change::{Change, ValueEdit};
use crate::cache::entry::{Entry, EntryState};
use crate::cache::limits::Limits;
use crate::cache::local_cache::{CacheConfig, LocalCache, Observer, Role};
use crate::cache::snapshot::Snapshot;
use crate::cache::value::{ValueEntry, ValueKey, ValueState};
use crate::sync::{Arc, Mutex};
use crate::time::Timestamp;
use crate::token::Guard;
use crate::token::Selector;

/// Seconds without use after which a session is packed.
pub(super) const QUIET: u64 = 60;
/// Weight of an anonymous session without values.
pub(super) const EMPTY: u64 = 256;

/// Records what the tier did on its own.
#[derive(Debug, Default)]
pub(super) struct Log {
    ended: Mutex<Vec<(Selector, EndReason)>>,
    doubted: Mutex<Vec<Selector>>,
}

impl Observer for Log {
    fn ended(&self, entry: &Arc<Entry>, _before: &EntryState, reason: EndReason) {
        self.ended.lock().push((entry.selector, reason));
    }

    fn recheck(&self, entry: &Arc<Entry>) {
        self.doubted.lock().push(entry.selector);
    }

    fn in_use(&self, _cell: &Arc<Entry>) {}
}

impl Log {
    pub(super) fn take_ended(&self) -> Vec<(Selector, EndReason)> {
        std::mem::take(&mut *self.ended.lock())
    }

    pub(super) fn take_doubted(&self) -> Vec<Selector> {
        std::mem::take(&mut *self.doubted.lock())
    }
}

pub(super) fn cache(holding: Role, max_bytes: u64) -> (LocalCache, Arc<Log>) {
    cache_with_check_interval(holding, max_bytes, None)
}

/// Returns a tier that checks its entries for requests in progress every `look_every`.
pub(super) fn cache_with_check_interval(
    holding: Role,
    max_bytes: u64,
    look_every: Option<Duration>,
) -> (LocalCache, Arc<Log>) {
    let log = Arc::<Log>::default();
    let limits = Limits { session_bytes: 2000, value_bytes: 1000, values: 3 };
    let pack_after = Some(Duration::from_secs(QUIET));
    let observer = Arc::<Log>::clone(&log);
    (
        LocalCache::new(CacheConfig {
            role: holding,
            limits,
            max_bytes,
            pack_after,
            check_interval: look_every,
            observer,
            now: at(0),
        }),
        log,
    )
}

pub(super) fn add(cache: &LocalCache, selector: Selector, snapshot: Snapshot) -> Arc<Entry> {
    cache.insert(selector, snapshot, at(0)).expect("there is room").expect("the selector is free")
}

/// Writes `size` bytes under `key`.
pub(super) fn write(cache: &LocalCache, entry: &Arc<Entry>, key: &'static str, size: usize) -> Result<(), ChangeError> {
    let slot = ValueState::Encoded(Arc::from(vec![b'x'; size]));
    let (fresh_until, size) = (Timestamp::MAX, size as u32);
    let edit = ValueEdit { key: ValueKey::Static(key), expect: None, state: slot, fresh_until, size, encoded: None };
    commit(cache, entry, &[edit])
}

pub(super) fn commit(cache: &LocalCache, entry: &Arc<Entry>, edits: &[ValueEdit]) -> Result<(), ChangeError> {
    let change =
        Change { guard: Guard::Anyone, edits, rotation: None, lifetimes: None, base: None, now: at(0), step: 1 };
    cache.commit(entry, &entry.state(), &change)
}

/// Inserts a copy read from a store, where other limits may have been in force.
pub(super) fn fill(
    cache: &LocalCache,
    selector: Selector,
    entries: impl IntoIterator<Item = ValueEntry>,
) -> Arc<Entry> {
    let entry = cache.get_or_insert_unread(&selector, at(0));
    let before = entry.state();
    cache
        .replace(&entry, &before, session(entries))
        .expect("a copy is never refused")
        .expect("no concurrent transition");
    entry
}

pub(super) fn end_of(entry: &Entry) -> Option<EndReason> {
    entry.end_reason()
}

/// Advances the timer until nothing is due.
pub(super) fn pass(cache: &LocalCache, now: Timestamp) {
    while cache.expire_due(now) {}
}

/// Asserts that the accounted bytes and sessions are those of the table.
pub(super) fn audit(cache: &LocalCache) {
    let (mut bytes, mut anonymous) = (0, 0);
    cache.for_each(|entry| {
        bytes += entry.state().weight();
        anonymous += usize::from(entry.state().is_anonymous());
    });
    assert_eq!(cache.bytes(), bytes);
    let counted = cache.table.shards().iter().filter(|shard| shard.has_anonymous()).count();
    assert!(counted <= anonymous && (counted > 0) == (anonymous > 0), "{counted} shards for {anonymous} sessions");
}
