//! The table of entries, sharded by selector.

use std::sync::atomic::Ordering::Relaxed;

use hashbrown::HashTable;
use hashbrown::hash_table;

use crate::sync::{Arc, AtomicU64, RwLock};
use crate::token::Selector;

use super::entry::Entry;

/// Number of shards. Growing one shard of a table of ten million entries moves about 10 000 of
/// them, which takes about a millisecond.
#[cfg(not(cloakroom_shuttle))]
const SHARDS: usize = 1024;
/// Number of shards. With few of them the schedule explorer reaches the code that follows a scan of
/// all shards.
#[cfg(cloakroom_shuttle)]
const SHARDS: usize = 2;

/// All entries, found by selector.
///
/// A shard stores only pointers. The selector is stored in the entry, which the reader is about to
/// access anyway, so a table slot costs nine bytes, and a lookup costs one cache miss more than
/// with an inline key.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[Shard]>,
}

/// One shard of the table. Aligned to a cache line, because half of the shards would otherwise span
/// two.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Shard {
    entries: RwLock<HashTable<Arc<Entry>>>,
    /// Number of anonymous sessions in the shard: only these may be evicted.
    anonymous: AtomicU64,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }

    pub(crate) fn get(&self, selector: &Selector) -> Option<Arc<Entry>> {
        self.shard(selector).entries.read().find(selector.hash(), |entry| entry.selector == *selector).cloned()
    }

    /// Returns `true` if this very entry is stored under its selector.
    pub(crate) fn contains(&self, entry: &Arc<Entry>) -> bool {
        self.get(&entry.selector).is_some_and(|held| Arc::ptr_eq(&held, entry))
    }

    /// Adds an entry. Returns `false` if its selector is taken.
    pub(crate) fn insert(&self, entry: &Arc<Entry>) -> bool {
        let mut entries = self.shard(&entry.selector).entries.write();
        match entries.entry(
            entry.selector.hash(),
            |other| other.selector == entry.selector,
            |other| other.selector.hash(),
        ) {
            hash_table::Entry::Occupied(_) => false,
            hash_table::Entry::Vacant(vacant) => {
                vacant.insert(Arc::clone(entry));
                true
            }
        }
    }

    /// Returns the entry of a selector, made by `make` if there is none, and whether it was made.
    pub(crate) fn get_or_insert(&self, selector: &Selector, make: impl FnOnce() -> Entry) -> (Arc<Entry>, bool) {
        if let Some(entry) = self.get(selector) {
            return (entry, false);
        }
        let mut entries = self.shard(selector).entries.write();
        match entries.entry(selector.hash(), |entry| entry.selector == *selector, |entry| entry.selector.hash()) {
            hash_table::Entry::Occupied(found) => (Arc::clone(found.get()), false),
            hash_table::Entry::Vacant(vacant) => (Arc::clone(vacant.insert(Arc::new(make())).get()), true),
        }
    }

    /// Removes this very entry, and no other one under the same selector.
    pub(crate) fn remove(&self, entry: &Arc<Entry>) {
        let mut entries = self.shard(&entry.selector).entries.write();
        if let Ok(found) = entries.find_entry(entry.selector.hash(), |other| Arc::ptr_eq(other, entry)) {
            found.remove();
        }
        // Shrinking to a half at a quarter of the capacity keeps both growing and shrinking rare.
        if entries.len() < entries.capacity() / 4 && entries.capacity() > 64 {
            let target = entries.len() * 2;
            entries.shrink_to(target, |other| other.selector.hash());
        }
    }

    /// Adds `by` to the number of anonymous sessions in the selector's shard.
    pub(crate) fn count_anonymous(&self, selector: &Selector, by: i64) {
        self.shard(selector).anonymous.fetch_add(by.cast_unsigned(), Relaxed);
    }

    pub(crate) const fn shards(&self) -> &[Shard] {
        &self.shards
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.entries.read().len()).sum()
    }

    fn shard(&self, selector: &Selector) -> &Shard {
        // `HashTable` uses the low bits for the bucket and the top seven for its filter.
        let index = (selector.hash() >> 32) as usize % self.shards.len();
        &self.shards[index]
    }
}

impl Shard {
    pub(crate) fn has_anonymous(&self) -> bool {
        self.anonymous.load(Relaxed) > 0
    }

    /// Returns the shard's entries, copied so that the lock is not held while they are visited.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries.read().iter().cloned().collect()
    }
}
