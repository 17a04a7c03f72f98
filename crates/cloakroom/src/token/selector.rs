use std::fmt;

/// The public half of a token: names the record and never changes while the session lives.
///
/// 128 bits from the operating system's generator. Knowing a selector does not give access: a
/// request must also present the secret. To identify a session to a user, prefer
/// [`PublicId`](super::PublicId).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector([u8; 16]);

impl Selector {
    /// A selector from its bytes, as a store kept them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store's key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns bits that spread the sessions evenly over any number of shards, because selectors
    /// are uniformly random.
    pub(crate) const fn shard_bits(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d])
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Selector(..)")
    }
}
