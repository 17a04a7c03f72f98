//! The table of entries, sharded by selector.

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::{Arc, AtomicU64, RwLock};
use crate::token::Selector;

use super::entry::Entry;
use super::resizing_lines::ResizingLines;
use super::selector_hash::SelectorHasher;

/// Number of shards, each with a lock: enough that threads rarely wait for each other.
#[cfg(not(cloakroom_shuttle))]
const SHARDS: usize = 1024;
/// Number of shards. With few of them the schedule explorer reaches the code that follows a scan of
/// all shards.
#[cfg(cloakroom_shuttle)]
const SHARDS: usize = 2;

/// All entries, found by selector.
///
/// A shard stores only pointers. The selector is stored in the entry, which the reader is about to
/// access anyway, so an entry takes 11 to 14 bytes of a shard, and a lookup reads one cache line
/// of it.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[Shard]>,
    hasher: SelectorHasher,
}

/// One shard of the table. Aligned to a cache line, because some of the shards would otherwise span
/// two.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Shard {
    entries: RwLock<ResizingLines<Arc<Entry>>>,
    /// Number of anonymous sessions in the shard: only these may be evicted.
    anonymous: AtomicU64,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect(), hasher: SelectorHasher::new() }
    }

    pub(crate) fn get(&self, selector: &Selector) -> Option<Arc<Entry>> {
        let hash = self.hasher.hash(selector);
        self.shard(selector).entries.read().find(hash, |entry| entry.selector == *selector).cloned()
    }

    /// Returns `true` if this very entry is stored under its selector.
    pub(crate) fn contains(&self, entry: &Arc<Entry>) -> bool {
        self.get(&entry.selector).is_some_and(|held| Arc::ptr_eq(&held, entry))
    }

    /// Adds an entry. Returns `false` if its selector is taken.
    pub(crate) fn insert(&self, entry: &Arc<Entry>) -> bool {
        self.find_or_insert(&entry.selector, || Arc::clone(entry)).1
    }

    /// Returns the entry of a selector, made by `make` if there is none, and whether it was made.
    pub(crate) fn get_or_insert(&self, selector: &Selector, make: impl FnOnce() -> Entry) -> (Arc<Entry>, bool) {
        if let Some(entry) = self.get(selector) {
            return (entry, false);
        }
        self.find_or_insert(selector, || Arc::new(make()))
    }

    fn find_or_insert(&self, selector: &Selector, make: impl FnOnce() -> Arc<Entry>) -> (Arc<Entry>, bool) {
        let hash = self.hasher.hash(selector);
        let mut entries = self.shard(selector).entries.write();
        if let Some(found) = entries.find(hash, |entry| entry.selector == *selector) {
            return (Arc::clone(found), false);
        }
        let made = make();
        entries.insert(hash, Arc::clone(&made), |entry| self.hasher.hash(&entry.selector));
        (made, true)
    }

    /// Removes this very entry, and no other one under the same selector.
    pub(crate) fn remove(&self, entry: &Arc<Entry>) {
        let hash = self.hasher.hash(&entry.selector);
        let mut entries = self.shard(&entry.selector).entries.write();
        let removed =
            entries.remove(hash, |other| Arc::ptr_eq(other, entry), |other| self.hasher.hash(&other.selector));
        drop(entries);
        drop(removed);
    }

    /// Adds `by` to the number of anonymous sessions in the selector's shard.
    pub(crate) fn count_anonymous(&self, selector: &Selector, by: i64) {
        self.shard(selector).anonymous.fetch_add(by.cast_unsigned(), Relaxed);
    }

    pub(crate) const fn shards(&self) -> &[Shard] {
        &self.shards
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(Shard::len).sum()
    }

    fn shard(&self, selector: &Selector) -> &Shard {
        &self.shards[selector.shard_bits() as usize % self.shards.len()]
    }
}

impl Shard {
    pub(crate) fn has_anonymous(&self) -> bool {
        self.anonymous.load(Relaxed) > 0
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.read().len()
    }

    /// Returns the shard's entries, copied so that the lock is not held while they are visited.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries.read().iter().cloned().collect()
    }

    /// Returns up to `count` of the shard's entries, from a position that is counted in entries and
    /// wraps around. They are in the order of their hashes, so any of them are a random sample.
    pub(crate) fn some_entries(&self, position: usize, count: usize) -> Vec<Arc<Entry>> {
        let entries = self.entries.read();
        let skipped = position % entries.len().max(1);
        entries.iter().skip(skipped).chain(entries.iter().take(skipped)).take(count).cloned().collect()
    }
}
