//! Well-formed tokens with altered bytes: key, selector, secret, optional hint, MAC.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Expected::{Forged, Live, Malformed, UnknownKey};
use super::{Row, Seen};

const KEY: usize = 0;
const SELECTOR: usize = 1;
const SECRET: usize = 17;
const MAC: usize = 33;

pub(super) const ROWS: &[Row] = &[
    ("as it was issued", |seen| text(&bytes(seen)), Live),
    ("the first bit of the key's number", |seen| flipped(seen, KEY, 0x80), UnknownKey),
    ("a number without a key", |seen| set(seen, KEY, seen.no_key), UnknownKey),
    ("the number of a key that is accepted", |seen| set(seen, KEY, seen.accepted_key), Forged),
    ("the first bit of the selector", |seen| flipped(seen, SELECTOR, 0x80), Forged),
    ("the last bit of the selector", |seen| flipped(seen, SECRET - 1, 1), Forged),
    ("a bit in the middle of the selector", |seen| flipped(seen, SELECTOR + 8, 4), Forged),
    ("the first bit of the secret", |seen| flipped(seen, SECRET, 0x80), Forged),
    ("the last bit of the secret", |seen| flipped(seen, MAC - 1, 1), Forged),
    ("a bit in the middle of the secret", |seen| flipped(seen, SECRET + 8, 4), Forged),
    ("the first bit of the MAC", |seen| flipped(seen, MAC, 0x80), Forged),
    ("the last bit of the MAC", |seen| flipped(seen, MAC + 15, 1), Forged),
    ("a bit in the middle of the MAC", |seen| flipped(seen, MAC + 8, 4), Forged),
    ("a MAC of zeros", |seen| filled(seen, MAC, 49, 0), Forged),
    ("a MAC of ones", |seen| filled(seen, MAC, 49, 0xff), Forged),
    ("only the first byte of the MAC", |seen| filled(seen, MAC + 1, 49, 0), Forged),
    ("only the last byte of the MAC", |seen| filled(seen, MAC, 48, 0), Forged),
    ("a selector of zeros", |seen| filled(seen, SELECTOR, SECRET, 0), Forged),
    ("a secret of zeros", |seen| filled(seen, SECRET, MAC, 0), Forged),
    ("all zeros but the key's number", |seen| filled(seen, SELECTOR, 49, 0), Forged),
    ("the MAC backwards", |seen| reversed(seen, MAC, 49), Forged),
    ("selector and secret exchanged", |seen| rotated(seen, SELECTOR, MAC, 16), Forged),
    ("secret and MAC exchanged", |seen| rotated(seen, SECRET, 49, 16), Forged),
    ("selector and MAC exchanged", selector_and_mac_exchanged, Forged),
    ("the selector of another session", |seen| spliced(seen, SELECTOR, SECRET), Forged),
    ("the secret of another session", |seen| spliced(seen, SECRET, MAC), Forged),
    ("selector and secret of another session", |seen| spliced(seen, SELECTOR, MAC), Forged),
    ("the MAC of another session", |seen| spliced(seen, MAC, 49), Forged),
    ("half of another session's MAC", |seen| spliced(seen, MAC + 8, 49), Forged),
    ("the same session's token of another name", |seen| seen.elsewhere.clone().into_bytes(), Forged),
    ("the MAC of the same session's token of another name", mac_of_elsewhere, Forged),
    ("a hint of zeros put in", |seen| with_hint(seen, [0; 10]), Forged),
    ("a hint of ones put in", |seen| with_hint(seen, [0xff; 10]), Forged),
    ("a hint put in behind the MAC", hint_behind, Forged),
    ("the first bytes of the MAC as a hint, and the MAC again", mac_as_hint, Forged),
    ("a hint without a secret", |seen| without(seen, SECRET, MAC), Malformed),
    ("without the key's number", |seen| without(seen, KEY, SELECTOR), Malformed),
    ("without the last byte of the MAC", |seen| without(seen, 48, 49), Malformed),
    ("without half of the MAC", |seen| without(seen, 41, 49), Malformed),
    ("without the MAC", |seen| without(seen, MAC, 49), Malformed),
    ("without the MAC and the key's number, which is an unsigned token", plain, Malformed),
    ("an unsigned token with a hint", plain_with_hint, Malformed),
    ("one byte more", |seen| text(&[&bytes(seen)[..], &[0]].concat()), Malformed),
    ("the whole MAC, not truncated", |seen| text(&[&bytes(seen)[..], &[0; 16]].concat()), Malformed),
    ("nothing but the key's number", |seen| text(&bytes(seen)[..1]), Malformed),
    ("nothing but the MAC", |seen| text(&bytes(seen)[MAC..]), Malformed),
];

fn bytes(seen: &Seen) -> Vec<u8> {
    decoded(&seen.live)
}

fn decoded(text: &str) -> Vec<u8> {
    let bytes = URL_SAFE_NO_PAD.decode(text).expect("a live token is base64url");
    assert_eq!(bytes.len(), 49, "the corpus requires tokens with a MAC and without a hint");
    bytes
}

fn text(bytes: &[u8]) -> Vec<u8> {
    URL_SAFE_NO_PAD.encode(bytes).into_bytes()
}

fn set(seen: &Seen, at: usize, byte: u8) -> Vec<u8> {
    filled(seen, at, at + 1, byte)
}

fn flipped(seen: &Seen, at: usize, bit: u8) -> Vec<u8> {
    let mut bytes = bytes(seen);
    bytes[at] ^= bit;
    text(&bytes)
}

fn filled(seen: &Seen, from: usize, to: usize, byte: u8) -> Vec<u8> {
    let mut bytes = bytes(seen);
    bytes[from..to].fill(byte);
    text(&bytes)
}

fn reversed(seen: &Seen, from: usize, to: usize) -> Vec<u8> {
    let mut bytes = bytes(seen);
    bytes[from..to].reverse();
    text(&bytes)
}

fn rotated(seen: &Seen, from: usize, to: usize, by: usize) -> Vec<u8> {
    let mut bytes = bytes(seen);
    bytes[from..to].rotate_left(by);
    text(&bytes)
}

fn selector_and_mac_exchanged(seen: &Seen) -> Vec<u8> {
    let bytes = bytes(seen);
    text(&[&bytes[..SELECTOR], &bytes[MAC..], &bytes[SECRET..MAC], &bytes[SELECTOR..SECRET]].concat())
}

fn spliced(seen: &Seen, from: usize, to: usize) -> Vec<u8> {
    let mut bytes = bytes(seen);
    bytes[from..to].copy_from_slice(&decoded(&seen.other)[from..to]);
    text(&bytes)
}

fn mac_of_elsewhere(seen: &Seen) -> Vec<u8> {
    text(&[&bytes(seen)[..MAC], &decoded(&seen.elsewhere)[MAC..]].concat())
}

fn with_hint(seen: &Seen, hint: [u8; 10]) -> Vec<u8> {
    let bytes = bytes(seen);
    text(&[&bytes[..MAC], &hint, &bytes[MAC..]].concat())
}

fn hint_behind(seen: &Seen) -> Vec<u8> {
    text(&[&bytes(seen)[..], &[0; 10]].concat())
}

fn mac_as_hint(seen: &Seen) -> Vec<u8> {
    let bytes = bytes(seen);
    text(&[&bytes[..MAC + 10], &bytes[MAC..]].concat())
}

fn without(seen: &Seen, from: usize, to: usize) -> Vec<u8> {
    let bytes = bytes(seen);
    text(&[&bytes[..from], &bytes[to..]].concat())
}

fn plain(seen: &Seen) -> Vec<u8> {
    text(&bytes(seen)[SELECTOR..MAC])
}

fn plain_with_hint(seen: &Seen) -> Vec<u8> {
    [&plain(seen)[..], b".AAAAAAAAAAAAAA"].concat()
}
