//! Finds the bearer token of a request.
//!
//! RFC 6750 §2.1 says what a client sends: `Authorization: Bearer <token>`. As with cookies, what a
//! server makes of anything else decides whether two of them see two different clients in one request.
//! Hence this reader:
//!
//! - The scheme is everything up to the first SP, and is compared without regard to case (RFC 9110 §11.1).
//!   Another scheme is somebody else's business, and so is a field that begins with anything but a scheme.
//! - Between scheme and token there is one run of SP, and nothing else: no HTAB.
//! - The token is all the rest, byte for byte. Nothing is decoded, unquoted or trimmed, and no list is
//!   taken apart: what is not the one spelling of a token is none.
//! - `Authorization` may stand in a request once (RFC 9110 §5.3). Two fields, also of two schemes or
//!   with the same token, are what smuggles one client's token past a proxy that looks at the other.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;

const SCHEME: &[u8] = b"bearer";
/// More than the longest token with the longest name of a scheme needs.
const MAX_BYTES: usize = 8 << 10;

/// What the `Authorization` fields of a request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BearerToken<'a> {
    /// No bearer token.
    Absent,
    /// What stands where one belongs. May be empty.
    One(&'a [u8]),
    /// More than one field: none of them is to be believed.
    Several,
    /// A field that is longer than any token of ours, and therefore was not read.
    Oversized,
}

/// Looks for the bearer token. Allocates nothing, and reads at most 8 KiB.
pub(crate) fn find(headers: &HeaderMap) -> BearerToken<'_> {
    find_in(headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes))
}

/// The same over the raw fields, which here may be any bytes.
pub(crate) fn find_in<'a>(mut fields: impl Iterator<Item = &'a [u8]>) -> BearerToken<'a> {
    let Some(field) = fields.next() else { return BearerToken::Absent };
    if fields.next().is_some() {
        return BearerToken::Several;
    }
    match field.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => credentials(rest),
        _ => BearerToken::Absent,
    }
}

/// What follows the name of the scheme.
fn credentials(rest: &[u8]) -> BearerToken<'_> {
    match rest {
        // The scheme alone, without a token.
        [] => BearerToken::One(rest),
        [b' ', ..] if rest.len() > MAX_BYTES => BearerToken::Oversized,
        [b' ', ..] => BearerToken::One(after_spaces(rest)),
        // A scheme whose name only begins like ours.
        _ => BearerToken::Absent,
    }
}

fn after_spaces(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    text
}
