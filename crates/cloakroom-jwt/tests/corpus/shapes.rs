//! R47: tokens that are not exactly three parts of canonical base64url.

use super::Expected::{Header, Malformed, Signature, TooLong};
use super::mint::{decode, encode};
use super::{Mint, Row};

pub(super) const ROWS: &[Row] = &[
    ("empty", |_| Vec::new(), Malformed),
    ("one dot", |_| b".".to_vec(), Malformed),
    ("two dots", |_| b"..".to_vec(), Malformed),
    ("no signature and no dot for it", |m| joined(m, |[h, p, _]| format!("{h}.{p}")), Malformed),
    ("no signature", |m| joined(m, |[h, p, _]| format!("{h}.{p}.")), Malformed),
    ("no payload", |m| joined(m, |[h, _, s]| format!("{h}..{s}")), Malformed),
    ("no header", |m| joined(m, |[_, p, s]| format!(".{p}.{s}")), Malformed),
    ("four parts", |m| joined(m, |[h, p, s]| format!("{h}.{p}.{s}.{s}")), Malformed),
    ("five parts, as encrypted tokens have", |m| joined(m, |[h, p, s]| format!("{h}.{p}.{s}.{p}.{s}")), Malformed),
    ("a dot behind", |m| joined(m, |[h, p, s]| format!("{h}.{p}.{s}.")), Malformed),
    ("a dot in front", |m| joined(m, |[h, p, s]| format!(".{h}.{p}.{s}")), Malformed),
    ("a space behind", |m| joined(m, |[h, p, s]| format!("{h}.{p}.{s} ")), Malformed),
    ("a space in front", |m| joined(m, |[h, p, s]| format!(" {h}.{p}.{s}")), Malformed),
    ("a space inside", |m| joined(m, |[h, p, s]| format!("{h}. {p}.{s}")), Signature),
    ("padding of the header", |m| joined(m, |[h, p, s]| format!("{h}=.{p}.{s}")), Malformed),
    ("padding of the signature", |m| joined(m, |[h, p, s]| format!("{h}.{p}.{s}==")), Malformed),
    ("spare bits of the signature", |m| joined(m, |[h, p, s]| format!("{h}.{p}.{}", respelled(&s))), Malformed),
    ("spare bits of the header", spare_in_header, Malformed),
    ("the standard alphabet in the signature", |m| joined(m, |[h, p, s]| format!("{h}.{p}.+{}", &s[1..])), Malformed),
    ("a slash in the signature", |m| joined(m, |[h, p, s]| format!("{h}.{p}./{}", &s[1..])), Malformed),
    ("percent-encoded dots", |m| joined(m, |[h, p, s]| format!("{h}%2E{p}%2E{s}")), Malformed),
    ("a colon for a dot", |m| joined(m, |[h, p, s]| format!("{h}:{p}.{s}")), Malformed),
    ("quotes around", |m| joined(m, |[h, p, s]| format!("\"{h}.{p}.{s}\"")), Malformed),
    ("a byte that is not ASCII behind", |m| [&m.good()[..], b"\xff"].concat(), Malformed),
    ("header and payload exchanged", |m| joined(m, |[h, p, s]| format!("{p}.{h}.{s}")), Header),
    ("a signature a byte shorter", |m| joined(m, |[h, p, s]| format!("{h}.{p}.{}", cut(&s, 63))), Signature),
    (
        "a signature a byte longer",
        |m| joined(m, |[h, p, s]| format!("{h}.{p}.{}", encode(&[&decode(&s)[..], &[0]].concat()))),
        Signature,
    ),
    ("half of the signature", |m| joined(m, |[h, p, s]| format!("{h}.{p}.{}", cut(&s, 32))), Signature),
    ("in the flattened JSON form", flattened, Malformed),
    ("in the general JSON form", general, Malformed),
    ("two tokens with a comma", |m| [&m.good()[..], b",", &m.good()].concat(), Malformed),
    ("4097 bytes", |m| exactly(m, 4097), TooLong),
    ("64 KiB of dots", |_| vec![b'.'; 64 << 10], TooLong),
    ("4096 dots", |_| vec![b'.'; 4096], Malformed),
    (
        "the payload not UTF-8",
        |m| joined(m, |[h, _, s]| format!("{h}.{}.{s}", encode(b"{\"iss\":\"\xff\"}"))),
        Signature,
    ),
    (
        "the header not UTF-8",
        |m| joined(m, |[_, p, s]| format!("{}.{p}.{s}", encode(b"{\"alg\":\"\xff\"}"))),
        Malformed,
    ),
    ("a plain session token", |_| vec![b'A'; 43], Malformed),
    ("a session token with a hint", |_| [&[b'A'; 43][..], b".AAAAAAAAAAAAAA"].concat(), Malformed),
    ("a session token with a MAC", |_| vec![b'A'; 66], Malformed),
];

fn joined(mint: &Mint, join: fn([String; 3]) -> String) -> Vec<u8> {
    join(mint.parts()).into_bytes()
}

/// Another spelling of the same bytes: an unused bit of the last character is set.
fn respelled(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = text.split_at(text.len() - 1);
    let place = ALPHABET.iter().position(|letter| *letter == last.as_bytes()[0]).expect("base64url");
    format!("{head}{}", ALPHABET[place | 1] as char)
}

fn cut(text: &str, bytes: usize) -> String {
    encode(&decode(text)[..bytes])
}

/// A header whose length leaves unused bits, signed, then spelled with one of them set.
fn spare_in_header(mint: &Mint) -> Vec<u8> {
    let padded = (0..3).map(|spaces| {
        let header =
            format!("{{\"alg\":\"EdDSA\",\"kid\":\"active\",\"typ\":\"shop-session+jwt\"{}}}", " ".repeat(spaces));
        String::from_utf8(mint.header(&header)).expect("ASCII")
    });
    let with_spare =
        padded.into_iter().find(|token| token.split('.').next().is_some_and(|header| header.len() % 4 == 2));
    let token = with_spare.expect("one of three lengths");
    let (header, rest) = token.split_once('.').expect("three parts");
    format!("{}.{rest}", respelled(header)).into_bytes()
}

fn flattened(mint: &Mint) -> Vec<u8> {
    let [header, payload, signature] = mint.parts();
    format!(r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#).into_bytes()
}

fn general(mint: &Mint) -> Vec<u8> {
    let [header, payload, signature] = mint.parts();
    format!(r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#)
        .into_bytes()
}

/// A correctly signed token of at least this length.
fn exactly(mint: &Mint, length: usize) -> Vec<u8> {
    let token =
        (2000..4000).map(|filling| mint.with("x", &format!("{:?}", "x".repeat(filling)))).find(|t| t.len() >= length);
    token.expect("some filling makes it long enough")
}
