//! Other spellings of a token with a MAC, and text that is not a token.

use super::Expected::{Malformed, UnknownKey};
use super::{Row, Seen};

pub(super) const ROWS: &[Row] = &[
    ("empty", |_| Vec::new(), Malformed),
    ("the last character missing", |seen| head(seen).to_vec(), Malformed),
    ("one character more", |seen| [live(seen), b"A"].concat(), Malformed),
    ("one character more in front", |seen| [b"A", live(seen)].concat(), Malformed),
    ("spare bits set", |seen| spare(seen, 1), Malformed),
    ("the highest spare bit set", |seen| spare(seen, 8), Malformed),
    ("padding", |seen| [live(seen), b"=="].concat(), Malformed),
    ("padding for the last character", |seen| [head(seen), b"="].concat(), Malformed),
    ("the standard alphabet", |seen| [head(seen), b"+"].concat(), Malformed),
    ("a slash for the last character", |seen| [head(seen), b"/"].concat(), Malformed),
    ("a dot for the last character", |seen| [head(seen), b"."].concat(), Malformed),
    ("a byte that is not ASCII for the last character", |seen| [head(seen), b"\xc1"].concat(), Malformed),
    ("a full-width letter for the last three", |seen| [&live(seen)[..63], "\u{ff21}".as_bytes()].concat(), Malformed),
    ("a hint behind a dot, as in tokens without a MAC", |seen| [live(seen), b".AAAAAAAAAAAAAA"].concat(), Malformed),
    ("the length of a token with a hint, and a dot in it", |seen| [live(seen), b".AAAAAAAAAAAA"].concat(), Malformed),
    ("the token twice", |seen| [live(seen), live(seen)].concat(), Malformed),
    ("two tokens with a dot", |seen| [live(seen), b".", seen.other.as_bytes()].concat(), Malformed),
    ("a JWT without signature", |_| b"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".to_vec(), Malformed),
    ("66 characters that decode to zeros, hence of key 0", |_| vec![b'A'; 66], UnknownKey),
    ("79 characters that decode to zeros, hence of key 0", |_| vec![b'A'; 79], UnknownKey),
    ("66 dots", |_| vec![b'.'; 66], Malformed),
    ("79 characters with spare bits", |_| [&[b'A'; 78][..], b"B"].concat(), Malformed),
    ("a signed value of another format", |seen| [b"s:", live(seen), b".c2lnbmF0dXJl"].concat(), Malformed),
];

fn live(seen: &Seen) -> &[u8] {
    seen.live.as_bytes()
}

fn head(seen: &Seen) -> &[u8] {
    &live(seen)[..65]
}

/// The last of 66 characters carries two bits; the other four are unused.
fn spare(seen: &Seen, bits: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = ALPHABET.iter().position(|letter| *letter == live(seen)[65]).expect("a token is base64url");
    [head(seen), &[ALPHABET[last | bits]]].concat()
}
