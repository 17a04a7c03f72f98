//! Hostile JWTs, and their expected results on a layer whose tokens are JWTs.
//!
//! Most are signed with the right key, because a valid signature is where careless verifiers stop
//! checking.

mod dates;
mod headers;
mod keys;
mod mint;
mod names;
mod shapes;
mod signatures;

pub(crate) use keys::{ed25519_pem, hmac_secret, p256_pem};
pub(crate) use mint::Mint;

/// Issuer and audience of the tokens.
pub(crate) const SELF: &str = "https://shop.example";
/// Prefix of the tokens' `typ`.
pub(crate) const APP: &str = "shop";

/// The expected result of a JWT. The variants are named after the errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The live session.
    Live,
    Malformed,
    TooLong,
    Header,
    Type,
    UnknownKey,
    RevokedKey,
    Algorithm,
    Signature,
    Issuer,
    Audience,
    Dates,
    NotYetValid,
    Expired,
    TooLongLived,
    Claims,
}

/// Why a JWT is hostile, how it is made, and the expected result.
type Row = (&'static str, fn(&Mint) -> Vec<u8>, Expected);

/// One JWT.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) why: &'static str,
    pub(crate) token: Vec<u8>,
    pub(crate) expected: Expected,
}

/// All JWTs.
///
/// They assume these keys: `active` (Ed25519) signs; `next` (P-256) and `shared` (HMAC) verify too;
/// `gone` is revoked.
pub(crate) fn cases(mint: &Mint) -> Vec<Case> {
    let rows = [headers::ROWS, dates::ROWS, names::ROWS, shapes::ROWS, signatures::ROWS].into_iter().flatten();
    rows.map(|(why, make, expected)| Case { why, token: make(mint), expected: *expected }).collect()
}
