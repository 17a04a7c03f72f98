use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A digest of the data that proves a user's identity, such as the stored password hash.
///
/// The session stores the digest of the login ([`log_in`](crate::log_in)). Each time the user is
/// loaded, it is compared with that of the loaded record. If they differ, the password was changed
/// since the login, and the session ends (OWASP ASVS 7.4.3).
///
/// ```
/// use cloakroom_auth::AuthHash;
///
/// let password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";
/// let with_second_factor = AuthHash::of(password_hash).and("the id of the enrolled authenticator");
/// # let _ = with_second_factor;
/// ```
///
/// Give it the *stored* hash with its salt, never a password. It is a SHA-256 digest, so it cannot
/// be inverted, and without the salt nobody can test guesses of the password against it: a copy of
/// the session store is no copy of the password hashes. A counter that is raised to end all sessions
/// of a user (a "security stamp") works as well.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct AuthHash([u8; 32]);

impl AuthHash {
    /// Returns the digest of the data that proves the user's identity.
    #[must_use]
    pub fn of(proof: impl AsRef<[u8]>) -> Self {
        Self(Sha256::new().chain_update(b"cloakroom/v1/auth").chain_update(proof).finalize().into())
    }

    /// Returns a digest that also depends on more data, such as a second factor.
    #[must_use]
    pub fn and(self, proof: impl AsRef<[u8]>) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(Self::of(proof).0).finalize().into())
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Compares in constant time.
impl PartialEq for AuthHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for AuthHash {}

/// Redacted.
impl fmt::Debug for AuthHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_every_part_and_on_their_order() {
        let digests = [
            AuthHash::of("a"),
            AuthHash::of("b"),
            AuthHash::of("ab"),
            AuthHash::of("a").and("b"),
            AuthHash::of("b").and("a"),
            AuthHash::of("a").and(""),
        ];
        for (index, one) in digests.iter().enumerate() {
            for (other_index, other) in digests.iter().enumerate() {
                assert_eq!(one == other, index == other_index, "{index} and {other_index}");
            }
        }
        assert_eq!(format!("{:?}", digests[0]), "AuthHash(..)");
    }
}
