use std::fmt;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};
use subtle::ConstantTimeEq;

use crate::random::{RandomError, RandomSource};
use crate::token::secret::Secret;

/// A keyed 128-bit digest of a secret. The key exists only as long as the process.
///
/// SipHash-1-3 verifies a secret on every request at a fifth of the cost of SHA-256. A fingerprint
/// means nothing outside the process: a store keeps a [`Verifier`](crate::token::Verifier) instead.
#[derive(Clone, Copy)]
pub(crate) struct Fingerprint([u64; 2]);

impl Fingerprint {
    /// A value that equals the fingerprint of no secret that anyone will find.
    pub(crate) const UNKNOWN: Self = Self([0; 2]);

    /// Maps the fingerprint to one of `places` positions.
    pub(crate) const fn bits(self, places: usize) -> usize {
        (self.0[1] % places as u64) as usize
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        // Compared as two words, not as sixteen bytes: every read compares, and `subtle` visits
        // each element.
        (self.0[0].ct_eq(&other.0[0]) & self.0[1].ct_eq(&other.0[1])).into()
    }
}

impl Eq for Fingerprint {}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

/// The key of this process for fingerprints.
#[derive(Clone, Copy)]
pub(crate) struct FingerprintKey([u8; 16]);

impl FingerprintKey {
    pub(crate) fn generate(random: &dyn RandomSource) -> Result<Self, RandomError> {
        let mut bytes = [0; 16];
        random.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn fingerprint(&self, secret: &Secret) -> Fingerprint {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(secret.as_bytes());
        let digest = hasher.finish128();
        Fingerprint([digest.h1, digest.h2])
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(..)")
    }
}
