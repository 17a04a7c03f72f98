//! Message authentication codes under the keys of a ring.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::derive::Purpose;
use super::key::Key;
use super::key_ring::KeyRing;

/// HMAC-SHA-256, truncated to 128 bits (RFC 2104 §5): an attacker can test guesses only one at a
/// time, at the server.
pub(crate) const MAC_BYTES: usize = 16;

/// The keys for one kind of message, one for each key of a ring.
pub(crate) struct MacKeys {
    active: Keyed,
    accepted: Box<[Keyed]>,
}

type Keyed = (u8, Hmac<Sha256>);

/// The result of verifying a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacResult {
    /// Made under the active key.
    Active,
    /// Made under a previous key.
    Accepted,
    /// Not made under the named key.
    Forged,
    /// The named key is not in the ring.
    UnknownKey,
}

impl MacKeys {
    /// Derives the keys of a ring. Within a purpose, `context` separates messages that must not be
    /// interchangeable (OWASP ASVS 11.1.2).
    pub(crate) fn new(ring: &KeyRing, purpose: Purpose, context: &[u8]) -> Self {
        let keyed = |key: &Key| (key.id(), key.derive(purpose, context).mac());
        Self { active: keyed(ring.active_key()), accepted: ring.previous_keys().map(keyed).collect() }
    }

    pub(crate) const fn active(&self) -> u8 {
        self.active.0
    }

    /// Computes the MAC of a message under the active key.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; MAC_BYTES] {
        let whole: [u8; 32] = self.active.1.clone().chain_update(message).finalize().into_bytes().into();
        let ([mac, _], []) = whole.as_chunks::<MAC_BYTES>() else { unreachable!("two halves of 32 bytes") };
        *mac
    }

    /// Verifies a MAC in constant time (OWASP ASVS 11.2.4).
    pub(crate) fn verify(&self, id: u8, message: &[u8], mac: &[u8; MAC_BYTES]) -> MacResult {
        let Some(key) = self.find(id) else { return MacResult::UnknownKey };
        if key.clone().chain_update(message).verify_truncated_left(mac).is_err() {
            return MacResult::Forged;
        }
        if id == self.active() { MacResult::Active } else { MacResult::Accepted }
    }

    fn find(&self, id: u8) -> Option<&Hmac<Sha256>> {
        let mut all = std::iter::once(&self.active).chain(&self.accepted);
        all.find(|(known, _)| *known == id).map(|(_, key)| key)
    }
}

impl fmt::Debug for MacKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKeys(active {})", self.active())
    }
}
