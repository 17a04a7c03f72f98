//! Finds one cookie in a request.
//!
//! RFC 6265bis §4.2.1 says what a browser sends: `name=value` pairs, separated by `; `, in one
//! field or (HTTP/2, HTTP/3) in several. It does not say how a server reads anything else, and
//! there libraries differ in ways that are attacks: those that decode `%5F%5FHost-id`, fold case
//! or trim Unicode spaces see a `__Host-` cookie where the browser saw a name without rules, which
//! any sibling subdomain may set. Hence this reader:
//!
//! - A field is cut at every `;`, whatever stands around it: quotes, commas, `$Version` and
//!   backslashes mean nothing, as in §5 of the RFC, which ends RFC 2965.
//! - A pair is cut at its first `=`. SP and HTAB around name and value fall away, as browsers drop
//!   them when they store a cookie; no other byte does.
//! - Names are the same if their bytes are. Nothing is decoded, unquoted or folded.
//! - What is no pair of ours is skipped, however malformed, so that no other cookie of the domain
//!   can log a visitor out.
//! - The order of pairs means nothing (§4.2.2): neither the first nor the last one wins.
//! - Of several different values under our name, those that cannot be a token by their form are ignored: anybody
//!   on a sibling domain could lock a visitor out with one. Two that can be are ambiguous, whatever they are worth. If the
//!   valid one of two were believed, whoever plants a cookie could choose the moment when the visitor's own is not
//!   valid (expired, or of a key that was retired), and have the planted one believed.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;

/// As much as usual servers accept for a whole request head, so that no honest visitor meets it.
const MAX_BYTES: usize = 16 << 10;
/// As many cookies as browsers keep for one site.
const MAX_PAIRS: usize = 180;

/// What the `Cookie` fields of a request say about one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieToken<'a> {
    /// No pair has the name.
    Absent,
    /// One value, perhaps several times; among different ones the only one that can be a token.
    One(&'a [u8]),
    /// Different values, and none that can be a token.
    NoToken,
    /// Different values that can be tokens, of which one may be planted: none of them is to be believed.
    Ambiguous,
    /// More than 16 KiB, or more than 180 pairs (empty ones count): not read to the end, hence not believed either.
    Oversized,
}

/// Looks for the cookie `name`. `is_token` says whether a value can be a token by its form, and is asked where there are
/// different ones. Allocates nothing, and reads at most 16 KiB and 180 pairs.
pub(crate) fn find<'a>(headers: &'a HeaderMap, name: &str, is_token: impl Fn(&[u8]) -> bool) -> CookieToken<'a> {
    find_in(headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes), name.as_bytes(), is_token)
}

/// The same over the raw fields, which here may be any bytes.
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
    /// The one value that was found is known to be a token, so that no value is read again for each of many others.
    is_judged: bool,
    bytes_left: usize,
    pairs_left: usize,
}

impl<'a, F: Fn(&[u8]) -> bool> Scan<'a, '_, F> {
    /// `None` where a limit is exceeded.
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
        // Most cookies are somebody else's, and many of them shorter than ours.
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

/// The value of a pair that has this name.
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

/// Where the first `;` is, eight bytes at a step.
///
/// On three to five cookies that takes half to a quarter of the time of going byte by byte, and no
/// more than `memchr` does, which therefore would be a dependency without a gain.
fn semicolon(text: &[u8]) -> Option<usize> {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    const SEMICOLONS: u64 = u64::from_ne_bytes([b';'; 8]);
    let (words, tail) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // A matching byte becomes zero, and only a zero byte borrows into its own high bit; those
        // above it may do so wrongly, but the lowest one is exact.
        let word = u64::from_le_bytes(*word) ^ SEMICOLONS;
        let zeros = word.wrapping_sub(LOW) & !word & HIGH;
        if zeros != 0 {
            return Some(index * 8 + (zeros.trailing_zeros() / 8) as usize);
        }
    }
    let tail_at = words.len() * 8;
    tail.iter().position(|byte| *byte == b';').map(|at| tail_at + at)
}
