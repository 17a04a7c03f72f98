use std::fmt;

use crate::random::{RandomError, RandomSource};

use super::random_bytes;

/// The public half of a token: names the record and never changes while the session lives.
///
/// 128 bits from the operating system's generator. Knowing a tag opens nothing: a request must
/// also show the secret. Prefer [`PublicId`](super::PublicId) wherever a session has to be named to a user.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector([u8; 16]);

impl Selector {
    /// A tag from its bytes, as a store kept them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store's key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn generate(random: &dyn RandomSource) -> Result<Self, RandomError> {
        random_bytes(random).map(Self)
    }

    /// Tags are uniformly random, so any eight bytes of one are as good a hash as can be computed.
    pub(crate) fn hash(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(..)")
    }
}
