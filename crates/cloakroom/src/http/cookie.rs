//! Finds one cookie in a request.
//!
//! RFC 6265bis §4.2.1 defines what a browser sends: `name=value` pairs, separated by `; `, in one
//! field or (HTTP/2, HTTP/3) in several. It does not define how a server reads anything else, and
//! libraries differ there in ways that enable attacks: those that decode `%5F%5FHost-id`, fold case
//! or trim Unicode spaces see a `__Host-` cookie where the browser saw a name without rules, which
//! any sibling subdomain may set. Hence these rules:
//!
//! - A field is split at every `;`, whatever surrounds it: quotes, commas, `$Version` and
//!   backslashes have no meaning, as in §5 of the RFC, which obsoletes RFC 2965.
//! - A pair is split at its first `=`. SP and HTAB around name and value are removed, as browsers
//!   remove them when they store a cookie; no other byte is.
//! - Names are equal if their bytes are. Nothing is decoded, unquoted or folded.
//! - Pairs with other names are skipped, however malformed, so that no other cookie of the domain
//!   can log a visitor out.
//! - The order of pairs has no meaning (§4.2.2): neither the first nor the last one wins.
//! - Of several different values under the name, those that do not have the format of a token are
//!   ignored: otherwise any sibling domain could lock a visitor out with one. Two values that have
//!   it are ambiguous, even if only one is valid. If the valid one were accepted, an attacker who
//!   plants a cookie could wait until the visitor's own is not valid (expired, or of a retired
//!   key), and have the planted one accepted.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;

/// The limit of common servers for a whole request head, so that no honest visitor exceeds it.
const MAX_BYTES: usize = 16 << 10;
/// The number of cookies that browsers keep for one site.
const MAX_PAIRS: usize = 180;

/// The content of a request's `Cookie` fields under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieToken<'a> {
    /// No pair has the name.
    Absent,
    /// One value, possibly repeated; or the only one of several that has the format of a token.
    One(&'a [u8]),
    /// Different values, none of which has the format of a token.
    NoToken,
    /// Different values with the format of a token. One may be planted, so none is accepted.
    Ambiguous,
    /// More than 16 KiB, or more than 180 pairs (empty ones count): not read to the end, and
    /// therefore not accepted.
    Oversized,
}

/// Finds the cookie `name`.
///
/// `is_token` returns whether a value has the format of a token; it is called only if there are
/// different values. Allocates nothing, and reads at most 16 KiB and 180 pairs.
pub(crate) fn find<'a>(headers: &'a HeaderMap, name: &str, is_token: impl Fn(&[u8]) -> bool) -> CookieToken<'a> {
    find_in(headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes), name.as_bytes(), is_token)
}

/// Finds the cookie in raw fields, which here may contain any bytes.
pub(crate) fn find_in<'a>(
    fields: impl Iterator<Item = &'a [u8]>,
    name: &[u8],
    is_token: impl Fn(&[u8]) -> bool,
) -> CookieToken<'a> {
    let (found, bytes_left, pairs_left) = (CookieToken::Absent, MAX_BYTES, MAX_PAIRS);
    let mut scan = Scan { name, is_token, found, is_judged: false, bytes_left, pairs_left };
    for field in fields {
        if scan.field(field).is_none() {
            return CookieToken::Oversized;
        }
    }
    scan.found
}

struct Scan<'a, 'n, F> {
    name: &'n [u8],
    is_token: F,
    found: CookieToken<'a>,
    /// Set once the value in `found` is known to be a token, so that it is not checked again for
    /// each of many others.
    is_judged: bool,
    bytes_left: usize,
    pairs_left: usize,
}

impl<'a, F: Fn(&[u8]) -> bool> Scan<'a, '_, F> {
    /// Returns `None` if a limit is exceeded.
    fn field(&mut self, field: &'a [u8]) -> Option<()> {
        self.bytes_left = self.bytes_left.checked_sub(field.len())?;
        let mut rest = field;
        loop {
            self.pairs_left = self.pairs_left.checked_sub(1)?;
            let Some(end) = semicolon(rest) else {
                self.pair(rest);
                return Some(());
            };
            self.pair(&rest[..end]);
            rest = &rest[end + 1..];
        }
    }

    fn pair(&mut self, pair: &'a [u8]) {
        // Most cookies belong to others, and many of them are shorter than this name.
        if pair.len() <= self.name.len() {
            return;
        }
        let Some(value) = value(pair, self.name) else { return };
        match self.found {
            CookieToken::Absent => self.found = CookieToken::One(value),
            CookieToken::One(same) if same == value => {}
            CookieToken::One(other) => self.choose(other, value),
            CookieToken::NoToken if (self.is_token)(value) => {
                (self.found, self.is_judged) = (CookieToken::One(value), true);
            }
            CookieToken::NoToken | CookieToken::Ambiguous | CookieToken::Oversized => {}
        }
    }

    #[cold]
    fn choose(&mut self, before: &'a [u8], value: &'a [u8]) {
        let was_token = self.is_judged || (self.is_token)(before);
        self.found = match (was_token, (self.is_token)(value)) {
            (true, true) => CookieToken::Ambiguous,
            (true, false) => CookieToken::One(before),
            (false, true) => CookieToken::One(value),
            (false, false) => CookieToken::NoToken,
        };
        self.is_judged = matches!(self.found, CookieToken::One(_));
    }
}

/// The value of a pair, if it has this name.
fn value<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = trim_start(pair).strip_prefix(name)?;
    let value = trim_start(rest).strip_prefix(b"=")?;
    Some(trim_end(trim_start(value)))
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The position of the first `;`, searched eight bytes at a time.
///
/// For three to five cookies this takes a quarter to a half of the time of a bytewise search, and
/// no more than `memchr` does, which would therefore be a dependency without a gain.
fn semicolon(text: &[u8]) -> Option<usize> {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    const SEMICOLONS: u64 = u64::from_ne_bytes([b';'; 8]);
    let (words, tail) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // A matching byte becomes zero, and only a zero byte borrows into its own high bit. Higher
        // bytes may do so wrongly, but the lowest one is exact.
        let word = u64::from_le_bytes(*word) ^ SEMICOLONS;
        let zeros = word.wrapping_sub(LOW) & !word & HIGH;
        if zeros != 0 {
            return Some(index * 8 + (zeros.trailing_zeros() / 8) as usize);
        }
    }
    let tail_at = words.len() * 8;
    tail.iter().position(|byte| *byte == b';').map(|at| tail_at + at)
}
