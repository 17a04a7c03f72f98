use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What a derived key is for. No two uses share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The names of sessions in logs.
    LogId,
    /// The MACs of tokens.
    Token,
    /// What a shared tier holds.
    Seal,
}

impl Purpose {
    /// Without a zero byte, which ends it in the derivation.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::LogId => b"log-id",
            Self::Token => b"token",
            Self::Seal => b"seal",
        }
    }
}

/// A key for one use.
#[derive(Clone)]
pub(crate) struct DerivedKey(Zeroizing<[u8; 32]>);

impl DerivedKey {
    pub(super) fn new(secret: &[u8], purpose: Purpose, context: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let info = [b"cloakroom/v1/", purpose.label(), b"\0", context];
        // Only a length of more than 255 digests is refused, and this is one.
        let derived = Hkdf::<Sha256>::new(None, secret).expand_multi_info(&info, &mut *key);
        debug_assert!(derived.is_ok());
        Self(key)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// HMAC-SHA-256 under this key, ready to be cloned for every message.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        // As HMAC itself fills a shorter key up to its block.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(self.as_bytes());
        Hmac::new((&*block).into())
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived(..)")
    }
}
