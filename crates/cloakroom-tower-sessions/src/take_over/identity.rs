use std::fmt;

use cloakroom::Successor;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Minimum length of a key, in bytes: the output of the hash, as RFC 2104 §3 recommends.
const MIN_LEN: usize = 32;

/// The secret from which the tokens of sessions that are taken over follow.
///
/// All nodes need the same one, so that parallel requests with one old cookie arrive at one session
/// on whichever nodes they are served. Do not use it for anything else, and delete it when the
/// take-over is over: with it, whoever has the id of an old session, for example from a backup of
/// its store, has the token of the new one until that is replaced.
#[derive(Clone)]
pub struct TakeOverKey(Zeroizing<Vec<u8>>);

/// The key is shorter than 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key of a take-over has {length} bytes; use at least {MIN_LEN} random ones, such as those of `openssl rand 32`"
)]
#[non_exhaustive]
pub struct WeakKey {
    length: usize,
}

impl TakeOverKey {
    /// A key of at least 32 random bytes.
    ///
    /// # Errors
    /// If it is shorter.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, WeakKey> {
        let secret = secret.as_ref();
        if secret.len() < MIN_LEN {
            return Err(WeakKey { length: secret.len() });
        }
        Ok(Self(Zeroizing::new(secret.to_vec())))
    }

    /// Returns the session that continues the old one with this id, which the cookie `name` carried.
    pub(super) fn successor(&self, name: &str, id: &str) -> Successor {
        let part = |number: u8| {
            let mut mac = self.mac();
            // The length keeps two pairs of name and id apart.
            mac.update(b"cloakroom/v1/take-over");
            mac.update(&[number]);
            mac.update(&name.len().to_le_bytes());
            mac.update(name.as_bytes());
            mac.update(id.as_bytes());
            let output = mac.finalize().into_bytes();
            std::array::from_fn(|index| output[index])
        };
        Successor::from_bytes([part(0), part(1), part(2)])
    }

    fn mac(&self) -> Hmac<Sha256> {
        match Hmac::new_from_slice(&self.0) {
            Ok(mac) => mac,
            Err(_) => unreachable!("HMAC takes keys of every length"),
        }
    }
}

/// Omits the secret.
impl fmt::Debug for TakeOverKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TakeOverKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_key_is_refused() {
        let error = TakeOverKey::new([7; 31]).unwrap_err();
        assert!(error.to_string().contains("31 bytes"), "{error}");
        assert_eq!(format!("{:?}", TakeOverKey::new([7; 32]).unwrap()), "TakeOverKey(..)");
    }
}
