use std::sync::atomic::Ordering::Relaxed;

use hashbrown::HashTable;
use hashbrown::hash_table;

use crate::sync::{Arc, AtomicU64, RwLock};
use crate::token::Selector;

use super::entry::Entry;

/// Growing one shard of a table of ten million moves some 10 000 entries: about a millisecond.
#[cfg(not(cloakroom_shuttle))]
const SHARDS: usize = 1024;
/// With few shards the schedule explorer reaches what happens after a scan of all of them.
#[cfg(cloakroom_shuttle)]
const SHARDS: usize = 2;

/// All cells, found by tag.
///
/// A shard stores pointers only. The tag stands in the cell, which the reader is about to touch
/// anyway, so an entry costs nine bytes and a lookup one cache miss more than an inline key.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[Shard]>,
}

/// Each has a line of the processor's cache for itself: half of them would otherwise lie across two.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Shard {
    entries: RwLock<HashTable<Arc<Entry>>>,
    /// How many of them nobody is logged in to: only these may be evicted.
    anonymous: AtomicU64,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }

    pub(crate) fn get(&self, selector: &Selector) -> Option<Arc<Entry>> {
        self.shard(selector).entries.read().find(selector.hash(), |entry| entry.selector == *selector).cloned()
    }

    /// Whether this very cell is the one of its tag.
    pub(crate) fn contains(&self, entry: &Arc<Entry>) -> bool {
        self.get(&entry.selector).is_some_and(|held| Arc::ptr_eq(&held, entry))
    }

    /// Adds a cell if its tag is free.
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

    /// The cell of a tag, made by `make` if there is none; says whether it was made.
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

    /// Removes this very cell.
    pub(crate) fn remove(&self, entry: &Arc<Entry>) {
        let mut entries = self.shard(&entry.selector).entries.write();
        if let Ok(found) = entries.find_entry(entry.selector.hash(), |other| Arc::ptr_eq(other, entry)) {
            found.remove();
        }
        // Shrinking at a quarter, to a half, keeps both growth and shrinkage rare.
        if entries.len() < entries.capacity() / 4 && entries.capacity() > 64 {
            let target = entries.len() * 2;
            entries.shrink_to(target, |other| other.selector.hash());
        }
    }

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
        // The table inside takes the low bits for the bucket and the top seven for its filter.
        let index = (selector.hash() >> 32) as usize % self.shards.len();
        &self.shards[index]
    }
}

impl Shard {
    pub(crate) fn has_anonymous(&self) -> bool {
        self.anonymous.load(Relaxed) > 0
    }

    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries.read().iter().cloned().collect()
    }
}
