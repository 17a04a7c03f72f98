//! The text of a token, as a cookie or a bearer header carries it.
//!
//! ```text
//! base64url(selector ‖ secret)                                       43 characters
//! base64url(selector ‖ secret) "." base64url(version ‖ nonce)        58 characters
//! base64url(key ‖ selector ‖ secret ‖ mac)                           66 characters
//! base64url(key ‖ selector ‖ secret ‖ version ‖ nonce ‖ mac)         79 characters
//! ```
//!
//! The first two are used without keys, the others with keys. Selector, secret and MAC have 16
//! bytes, the key's number has one. The MAC is HMAC-SHA-256 over everything before it, truncated to
//! its first half; its key is derived for the one cookie or header that carries the token. The four
//! differ in length, so none can be mistaken for another.
//!
//! Version (8 bytes) and nonce (2 bytes) are big-endian. There is no padding, and unused bits are
//! zero: a token has exactly one spelling (RFC 4648 §3.5), so that a deny list or a log filter that
//! compares tokens as text cannot be bypassed by another spelling.

#[cfg(feature = "keys")]
mod signed;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::token::secret::Secret;
use crate::token::selector::Selector;
use crate::token::{Token, VersionHint};

#[cfg(feature = "keys")]
pub(crate) use signed::{SignedToken, is_signed};

/// The characters of 32 bytes.
const IDENTITY: usize = 43;
/// The characters of 10 bytes.
const HINT: usize = 14;
/// The length with a version hint and without a MAC.
const HINTED: usize = IDENTITY + 1 + HINT;
/// The maximum length of a token without a MAC.
pub(crate) const MAX_PLAIN_LEN: usize = HINTED;
/// The maximum length of a token: with a version hint and a MAC, 59 bytes.
pub(crate) const MAX_TOKEN_LEN: usize = 79;

impl Token {
    /// Parses the one spelling of a token; `None` for any other text.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (identity, hint) = match text.len() {
            IDENTITY => (text, None),
            HINTED => {
                let (identity, rest) = text.split_at(IDENTITY);
                (identity, Some(hint(rest.strip_prefix(b".")?)?))
            }
            _ => return None,
        };
        let bytes: [u8; 32] = decode(identity)?;
        let ([selector, secret], []) = bytes.as_chunks::<16>() else { return None };
        Some(Self { selector: Selector::from_bytes(*selector), secret: Secret::from_bytes(*secret), hint })
    }

    /// Encodes this token in its one spelling.
    pub(crate) fn encode(&self) -> EncodedToken {
        let mut identity = [0; 32];
        identity[..16].copy_from_slice(self.selector.as_bytes());
        identity[16..].copy_from_slice(self.secret.as_bytes());
        let mut encoded = EncodedToken::of(&identity);
        if let Some(hint) = self.hint {
            encoded.text[encoded.length] = b'.';
            encoded.length += 1;
            encoded.push(&hint_bytes(hint));
        }
        encoded
    }
}

fn hint(text: &[u8]) -> Option<VersionHint> {
    decode(text).map(hint_from)
}

const fn hint_from([a, b, c, d, e, f, g, h, i, j]: [u8; 10]) -> VersionHint {
    VersionHint { version: u64::from_be_bytes([a, b, c, d, e, f, g, h]), nonce: u16::from_be_bytes([i, j]) }
}

fn hint_bytes(hint: VersionHint) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&hint.version.to_be_bytes());
    bytes[8..].copy_from_slice(&hint.nonce.to_be_bytes());
    bytes
}

/// The engine refuses padding, spare bits and foreign characters; the length is checked here.
fn decode<const BYTES: usize>(text: &[u8]) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (written == BYTES).then_some(bytes)
}

/// The encoded text of a token, on the stack.
#[derive(Clone, Copy)]
pub(crate) struct EncodedToken {
    text: [u8; MAX_TOKEN_LEN],
    length: usize,
}

impl EncodedToken {
    pub(crate) fn as_str(&self) -> &str {
        // Base64 is ASCII, so the default is never used.
        std::str::from_utf8(&self.text[..self.length]).unwrap_or_default()
    }

    fn of(bytes: &[u8]) -> Self {
        let mut encoded = Self { text: [0; MAX_TOKEN_LEN], length: 0 };
        encoded.push(bytes);
        encoded
    }

    fn push(&mut self, bytes: &[u8]) {
        // All parts fit by the lengths above, so the default is never used.
        let free = &mut self.text[self.length..];
        self.length += URL_SAFE_NO_PAD.encode_slice(bytes, free).unwrap_or_default();
    }
}

impl fmt::Debug for EncodedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodedToken(..)")
    }
}

#[cfg(test)]
mod tests;
