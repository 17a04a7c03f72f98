//! Eviction: which entries are dropped when memory is full.

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::Arc;
use crate::token::Selector;

use super::change::ChangeError;
use super::entry::Entry;
use super::local_cache::{LocalCache, Role};
use super::table::Shard;

/// Number of entries among which the ones to evict are chosen. However many sessions there are, a
/// request that makes room looks at one sample, or at some if it needs much room. Only where hardly
/// any of them may be evicted does it look further.
pub(super) const SAMPLE: usize = 256;

impl LocalCache {
    /// Reserves `bytes`, at the expense of other sessions if that is allowed.
    ///
    /// The next shard in turn loses the tenth of a sample of its candidates that was idle longest.
    /// Selectors are random, so this comes close to evicting the least recently used of all,
    /// without a list that every request would have to reorder.
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
        // A copy in use must be stored, and nothing else is left to evict for it.
        self.budget.force(bytes);
        Ok(())
    }

    fn evict_for(&self, bytes: u64, spare: &Selector) -> bool {
        let shards = self.table.shards();
        bytes <= self.budget.limit()
            && (0..shards.len()).any(|_| {
                let turn = self.next_victim_shard.fetch_add(1, Relaxed) as usize;
                let (shard, round) = (&shards[turn % shards.len()], turn / shards.len());
                self.evict_from(shard, round.wrapping_mul(SAMPLE), spare) && self.budget.reserve(bytes)
            })
    }

    /// Evicts a tenth of the candidates in a sample that begins at `start`, at least one. Takes
    /// another sample if there are none in it. Returns `false` if there are none in the shard.
    fn evict_from(&self, shard: &Shard, start: usize, spare: &Selector) -> bool {
        if self.role == Role::Primary && !shard.has_anonymous() {
            return false;
        }
        (0..shard.len()).step_by(SAMPLE).any(|offset| {
            let mut candidates = shard.some_entries(start.wrapping_add(offset), SAMPLE);
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
        })
    }

    /// Returns `true` if an entry may be evicted. Copies always may, unless their end has watchers
    /// or a request is in progress. Without a shared tier only anonymous sessions may: a flood of
    /// them never logs anyone out.
    fn is_evictable(&self, entry: &Arc<Entry>) -> bool {
        match self.role {
            Role::Primary => entry.read(|state| state.is_anonymous()),
            Role::Replica => !entry.is_watched() && !entry.has_requests(),
        }
    }
}
