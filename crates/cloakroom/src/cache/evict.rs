//! What goes when memory is full.

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::Arc;
use crate::token::Selector;

use super::entry::Entry;
use super::local_cache::{ChangeError, LocalCache, Role};
use super::table::Shard;

impl LocalCache {
    /// Reserves `bytes`, at the cost of other sessions where that is allowed.
    ///
    /// The next shard in turn loses the tenth of its candidates that was idle longest: close to
    /// the least recently used of all, because tags spread sessions evenly, without a list that
    /// every request would have to reorder.
    pub(super) fn make_room(&self, bytes: u64, spare: &Selector) -> Result<(), ChangeError> {
        if bytes == 0 || self.budget.reserve(bytes) {
            return Ok(());
        }
        if self.evict_for(bytes, spare) {
            return Ok(());
        }
        if self.role == Role::Primary {
            return Err(ChangeError::Full);
        }
        // A copy that is in use has to be somewhere; nothing else is left to give way to it.
        self.budget.force(bytes);
        Ok(())
    }

    fn evict_for(&self, bytes: u64, spare: &Selector) -> bool {
        let shards = self.table.shards();
        bytes <= self.budget.limit()
            && (0..shards.len()).any(|_| {
                let turn = self.next_victim_shard.fetch_add(1, Relaxed) as usize;
                self.evict_from(&shards[turn % shards.len()], spare) && self.budget.reserve(bytes)
            })
    }

    /// Evicts a tenth of the shard's candidates, one at least. Answers whether there was one.
    fn evict_from(&self, shard: &Shard, spare: &Selector) -> bool {
        if self.role == Role::Primary && !shard.has_anonymous() {
            return false;
        }
        let mut candidates = shard.entries();
        candidates.retain(|entry| entry.selector != *spare && self.is_evictable(entry));
        candidates.sort_unstable_by_key(|entry| entry.last_seen());
        let tenth = candidates.len().div_ceil(10);
        for entry in &candidates[..tenth] {
            match self.role {
                Role::Primary => drop(self.end_anonymous(entry)),
                Role::Replica => self.remove(entry),
            }
        }
        tenth > 0
    }

    /// Copies may always go, except where somebody listens through them, or a request is in progress. Where there is nothing
    /// but this tier, only sessions that nobody is logged in to may: a flood of anonymous
    /// sessions never logs anybody out.
    fn is_evictable(&self, entry: &Arc<Entry>) -> bool {
        match self.role {
            Role::Primary => entry.state().is_anonymous(),
            Role::Replica => !entry.is_watched() && !entry.has_requests(),
        }
    }
}
