//! Finds the bearer token of a request.
//!
//! RFC 6750 §2.1 defines what a client sends: `Authorization: Bearer <token>`. As with cookies,
//! attacks exploit servers that read anything else differently: two servers then see two different
//! clients in one request. Hence these rules:
//!
//! - The scheme is everything up to the first SP, and is compared case-insensitively (RFC 9110
//!   §11.1). A field with another scheme, or that does not begin with a scheme, is ignored.
//! - Between scheme and token there is one run of SP, and nothing else: no HTAB.
//! - The token is the rest, byte for byte. Nothing is decoded, unquoted or trimmed, and no list is
//!   split: a text that is not the one spelling of a token is not a token.
//! - `Authorization` may occur in a request once (RFC 9110 §5.3). Two fields, even of two schemes
//!   or with the same token, could smuggle one client's token past a proxy that checks the other.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;

const SCHEME: &[u8] = b"bearer";
/// More than the longest token with the longest name of a scheme needs.
const MAX_BYTES: usize = 8 << 10;

/// The content of a request's `Authorization` fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BearerToken<'a> {
    /// No bearer token.
    Absent,
    /// The text in the token's position. May be empty.
    One(&'a [u8]),
    /// More than one field: none is accepted.
    Several,
    /// The field is longer than any token of this library, and therefore was not read.
    Oversized,
}

/// Finds the bearer token. Allocates nothing, and reads at most 8 KiB.
pub(crate) fn find(headers: &HeaderMap) -> BearerToken<'_> {
    find_in(headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes))
}

/// Finds the bearer token in raw fields, which here may contain any bytes.
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

/// Reads the text after the name of the scheme.
fn credentials(rest: &[u8]) -> BearerToken<'_> {
    match rest {
        // The scheme alone, without a token.
        [] => BearerToken::One(rest),
        [b' ', ..] if rest.len() > MAX_BYTES => BearerToken::Oversized,
        [b' ', ..] => BearerToken::One(after_spaces(rest)),
        // A scheme whose name only begins with `Bearer`.
        _ => BearerToken::Absent,
    }
}

fn after_spaces(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    text
}
