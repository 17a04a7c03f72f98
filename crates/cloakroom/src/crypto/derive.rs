use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The purpose of a derived key. No two purposes share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The ids of sessions in logs.
    LogId,
    /// The MACs of tokens.
    Token,
    /// The encryption of data in the shared tier.
    Seal,
}

impl Purpose {
    /// Contains no zero byte, because a zero byte terminates the label in the derivation.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::LogId => b"log-id",
            Self::Token => b"token",
            Self::Seal => b"seal",
        }
    }
}

/// A key for one purpose.
#[derive(Clone)]
pub(crate) struct DerivedKey(Zeroizing<[u8; 32]>);

impl DerivedKey {
    pub(super) fn new(secret: &[u8], purpose: Purpose, context: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let info = [b"cloakroom/v1/", purpose.label(), b"\0", context];
        // HKDF refuses only outputs longer than 255 digests; this is one digest.
        let derived = Hkdf::<Sha256>::new(None, secret).expand_multi_info(&info, &mut *key);
        debug_assert!(derived.is_ok());
        Self(key)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// HMAC-SHA-256 under this key, to be cloned for every message.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        // Padded to a block, as HMAC itself pads a shorter key.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(self.as_bytes());
        Hmac::new((&*block).into())
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey(..)")
    }
}
