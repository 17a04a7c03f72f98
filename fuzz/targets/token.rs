//! The token parser against one that spells the bits out, and the one of tokens with a MAC against their writer.
//!
//! An input is the text of a token; 32 or 42 bytes are also the parts of one.

#![no_main]

use cloakroom::fuzzing::{TokenParts, encode_token, parse_token, seal_token, unseal_token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let parsed = parse_token(input);
    assert_eq!(parsed, slowly(input));
    if let Some(parts) = parsed {
        assert_eq!(encode_token(parts).as_bytes(), input, "a token has one spelling");
    }
    if let Some(parts) = parts(input) {
        assert_eq!(parse_token(encode_token(parts).as_bytes()), Some(parts), "a token survives its text");
        let sealed = seal_token(parts).expect("the key is good");
        assert_eq!(unseal_token(sealed.as_bytes()), Some(parts), "a token with a MAC survives its text");
        assert_eq!(parse_token(sealed.as_bytes()), None, "and is none without one");
    }
    if let Some(parts) = unseal_token(input) {
        assert_eq!(seal_token(parts).expect("the key is good").as_bytes(), input, "it has one spelling");
        assert_eq!(parsed, None);
    }
});

fn slowly(text: &[u8]) -> Option<TokenParts> {
    let mut halves = text.split(|byte| *byte == b'.');
    let identity = bytes(halves.next()?)?;
    let hint = halves.next().map(bytes);
    if identity.len() != 32 || halves.next().is_some() {
        return None;
    }
    match hint {
        None => parts(&identity),
        Some(hint) => parts(&[identity, hint.filter(|hint| hint.len() == 10)?].concat()),
    }
}

/// Base64url, a bit at a time.
fn bytes(text: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Vec::new();
    for letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits.extend((0..6).rev().map(|bit| (value >> bit) & 1));
    }
    let (whole, spare) = bits.split_at(bits.len() / 8 * 8);
    let is_canonical = spare.len() < 6 && spare.iter().all(|bit| *bit == 0);
    is_canonical.then(|| whole.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| (sum << 1) | bit)).collect())
}

fn parts(bytes: &[u8]) -> Option<TokenParts> {
    let tag = bytes.get(..16)?.try_into().ok()?;
    let secret = bytes.get(16..32)?.try_into().ok()?;
    match bytes.len() {
        32 => Some((tag, secret, None)),
        42 => {
            let version = u64::from_be_bytes(bytes[32..40].try_into().ok()?);
            let nonce = u16::from_be_bytes(bytes[40..].try_into().ok()?);
            Some((tag, secret, Some((version, nonce))))
        }
        _ => None,
    }
}
