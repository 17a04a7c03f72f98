//! What goes when memory is full.

use std::sync::atomic::Ordering::Relaxed;

use crate::identity::Tag;
use crate::sync::Arc;

use super::cell::Cell;
use super::table::Shard;
use super::tier::{Holding, Refused, Tier};

impl Tier {
    /// Reserves `bytes`, at the cost of other sessions where that is allowed.
    ///
    /// The next shard in turn loses the tenth of its candidates that was idle longest: close to
    /// the least recently used of all, because tags spread sessions evenly, without a list that
    /// every request would have to reorder.
    pub(super) fn make_room(&self, bytes: u64, spare: &Tag) -> Result<(), Refused> {
        if bytes == 0 || self.budget.reserve(bytes) {
            return Ok(());
        }
        if self.evict_for(bytes, spare) {
            return Ok(());
        }
        if self.holding == Holding::Only {
            return Err(Refused::Full);
        }
        // A copy that is in use has to be somewhere; nothing else is left to give way to it.
        self.budget.force(bytes);
        Ok(())
    }

    fn evict_for(&self, bytes: u64, spare: &Tag) -> bool {
        let shards = self.table.shards();
        bytes <= self.budget.limit()
            && (0..shards.len()).any(|_| {
                let turn = self.next_to_give.fetch_add(1, Relaxed) as usize;
                self.evict_from(&shards[turn % shards.len()], spare) && self.budget.reserve(bytes)
            })
    }

    /// Evicts a tenth of the shard's candidates, one at least. Answers whether there was one.
    fn evict_from(&self, shard: &Shard, spare: &Tag) -> bool {
        if self.holding == Holding::Only && !shard.has_anonymous() {
            return false;
        }
        let mut candidates = shard.cells();
        candidates.retain(|cell| cell.tag != *spare && self.may_go(cell));
        candidates.sort_unstable_by_key(|cell| cell.last_seen());
        let tenth = candidates.len().div_ceil(10);
        for cell in &candidates[..tenth] {
            match self.holding {
                Holding::Only => drop(self.end_anonymous(cell)),
                Holding::Copy => self.forget(cell),
            }
        }
        tenth > 0
    }

    /// Copies may always go, except where somebody listens through them, or a request is in progress. Where there is nothing
    /// but this tier, only sessions that nobody is logged in to may: a flood of anonymous
    /// sessions never logs anybody out.
    fn may_go(&self, cell: &Arc<Cell>) -> bool {
        match self.holding {
            Holding::Only => cell.state().is_anonymous(),
            Holding::Copy => !cell.is_watched() && !cell.has_users(),
        }
    }
}
