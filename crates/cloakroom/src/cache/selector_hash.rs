//! The hash of selectors in the table.

use std::fmt;

use crate::token::Selector;

/// Hashes selectors under a random key of this process.
///
/// The selectors of sessions are random, but the table also holds those of tokens that were made
/// up, while the shared tier is asked for them. Without a key, a client could choose selectors that
/// collide.
#[derive(Clone, Copy)]
pub(super) struct SelectorHasher([u64; 2]);

impl SelectorHasher {
    #[cfg(not(cloakroom_shuttle))]
    pub(super) fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};

        let random = RandomState::new();
        Self([random.hash_one(0), random.hash_one(1)])
    }

    /// Always the same key, because schedules must be the same in every run.
    #[cfg(cloakroom_shuttle)]
    pub(super) const fn new() -> Self {
        Self([0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93])
    }

    /// Returns a hash of which all bits depend on all bits of the selector and of the key.
    pub(super) fn hash(self, selector: &Selector) -> u64 {
        let ([first, second], []) = selector.as_bytes().as_chunks::<8>() else { return 0 };
        let product =
            u128::from(u64::from_le_bytes(*first) ^ self.0[0]) * u128::from(u64::from_le_bytes(*second) ^ self.0[1]);
        product as u64 ^ (product >> 64) as u64
    }
}

impl fmt::Debug for SelectorHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SelectorHasher(..)")
    }
}
