//! The text of a token, as a client sees it: 16 + 16 bytes in base64url, then perhaps a dot and a hint.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) const COOKIE: &str = "__Host-session";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How many bits of the last character carry nothing.
pub(crate) const SPARE_BITS: u32 = 2;

/// The part of a cookie's value that proves something: everything but the hint.
pub(crate) fn ticket(value: &str) -> &str {
    value.split_once('.').map_or(value, |(ticket, _)| ticket)
}

/// Tag and secret, also of a token with a MAC, which begins with the number of its key.
pub(crate) fn decode(value: &str) -> [u8; 32] {
    let bytes = URL_SAFE_NO_PAD.decode(ticket(value)).unwrap();
    let identity = if bytes.len() == 32 { &bytes[..] } else { &bytes[1..33] };
    identity.try_into().unwrap()
}

pub(crate) fn canonical(bytes: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A well-formed ticket that no server issued.
pub(crate) fn invented(number: u64) -> String {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    canonical(&bytes)
}

/// The ticket with another value in the spare bits of its last character.
pub(crate) fn respelled(ticket: &str, spare: usize) -> String {
    let (head, last) = ticket.split_at(ticket.len() - 1);
    let place = ALPHABET.iter().position(|letter| *letter == last.as_bytes()[0]).unwrap();
    format!("{head}{}", ALPHABET[place ^ spare] as char)
}
