use std::sync::atomic::Ordering::Relaxed;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::identity::Tag;
use crate::sync::{Arc, AtomicU64, RwLock};

use super::cell::Cell;

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
    cells: RwLock<HashTable<Arc<Cell>>>,
    /// How many of them nobody is logged in to: only these may be evicted.
    anonymous: AtomicU64,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }

    pub(crate) fn get(&self, tag: &Tag) -> Option<Arc<Cell>> {
        self.shard(tag).cells.read().find(tag.hash(), |cell| cell.tag == *tag).cloned()
    }

    /// Whether this very cell is the one of its tag.
    pub(crate) fn holds(&self, cell: &Arc<Cell>) -> bool {
        self.get(&cell.tag).is_some_and(|held| Arc::ptr_eq(&held, cell))
    }

    /// Adds a cell if its tag is free.
    pub(crate) fn insert(&self, cell: &Arc<Cell>) -> bool {
        let mut cells = self.shard(&cell.tag).cells.write();
        match cells.entry(cell.tag.hash(), |other| other.tag == cell.tag, |other| other.tag.hash()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(Arc::clone(cell));
                true
            }
        }
    }

    /// The cell of a tag, made by `make` if there is none; says whether it was made.
    pub(crate) fn get_or_insert(&self, tag: &Tag, make: impl FnOnce() -> Cell) -> (Arc<Cell>, bool) {
        if let Some(cell) = self.get(tag) {
            return (cell, false);
        }
        let mut cells = self.shard(tag).cells.write();
        match cells.entry(tag.hash(), |cell| cell.tag == *tag, |cell| cell.tag.hash()) {
            Entry::Occupied(found) => (Arc::clone(found.get()), false),
            Entry::Vacant(vacant) => (Arc::clone(vacant.insert(Arc::new(make())).get()), true),
        }
    }

    /// Removes this very cell.
    pub(crate) fn remove(&self, cell: &Arc<Cell>) {
        let mut cells = self.shard(&cell.tag).cells.write();
        if let Ok(entry) = cells.find_entry(cell.tag.hash(), |other| Arc::ptr_eq(other, cell)) {
            entry.remove();
        }
        // Shrinking at a quarter, to a half, keeps both growth and shrinkage rare.
        if cells.len() < cells.capacity() / 4 && cells.capacity() > 64 {
            let target = cells.len() * 2;
            cells.shrink_to(target, |other| other.tag.hash());
        }
    }

    pub(crate) fn count_anonymous(&self, tag: &Tag, by: i64) {
        self.shard(tag).anonymous.fetch_add(by.cast_unsigned(), Relaxed);
    }

    pub(crate) const fn shards(&self) -> &[Shard] {
        &self.shards
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.cells.read().len()).sum()
    }

    fn shard(&self, tag: &Tag) -> &Shard {
        // The table inside takes the low bits for the bucket and the top seven for its filter.
        let index = (tag.hash() >> 32) as usize % self.shards.len();
        &self.shards[index]
    }
}

impl Shard {
    pub(crate) fn has_anonymous(&self) -> bool {
        self.anonymous.load(Relaxed) > 0
    }

    pub(crate) fn cells(&self) -> Vec<Arc<Cell>> {
        self.cells.read().iter().cloned().collect()
    }
}
