//! The text of a token as a client receives it: 16 + 16 bytes in base64url, then optionally a dot
//! and a hint.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) const COOKIE: &str = "__Host-session";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The number of unused bits in the last character.
pub(crate) const SPARE_BITS: u32 = 2;

/// A cookie's value without the hint.
pub(crate) fn bare_token(value: &str) -> &str {
    value.split_once('.').map_or(value, |(before_dot, _)| before_dot)
}

/// Selector and secret. A token with a MAC is accepted too; it begins with the number of its key.
pub(crate) fn decode(value: &str) -> [u8; 32] {
    let bytes = URL_SAFE_NO_PAD.decode(bare_token(value)).unwrap();
    let identity = if bytes.len() == 32 { &bytes[..] } else { &bytes[1..33] };
    identity.try_into().unwrap()
}

pub(crate) fn canonical(bytes: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A well-formed token that no server issued.
pub(crate) fn unissued_token(number: u64) -> String {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    canonical(&bytes)
}

/// The token with other unused bits in its last character.
pub(crate) fn with_spare_bits(bare_token: &str, spare: usize) -> String {
    let (head, last) = bare_token.split_at(bare_token.len() - 1);
    let position = ALPHABET.iter().position(|letter| *letter == last.as_bytes()[0]).unwrap();
    format!("{head}{}", ALPHABET[position ^ spare] as char)
}
