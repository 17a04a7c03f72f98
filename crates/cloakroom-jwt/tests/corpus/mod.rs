//! Hostile JWTs, and what each has to come to where a layer's tokens are JWTs.
//!
//! Most are signed with the right key: what a signature does not protect from is what is left to get wrong.

mod dates;
mod headers;
mod keys;
mod mint;
mod names;
mod shapes;
mod signatures;

pub(crate) use keys::{ed25519_pem, hmac_secret, p256_pem};
pub(crate) use mint::Mint;

/// Who issues, and for whom.
pub(crate) const SELF: &str = "https://shop.example";
/// What the tokens' type begins with.
pub(crate) const APP: &str = "shop";

/// What a JWT has to come to. The names are those of the errors.
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

/// Why a JWT is hostile, how it is made, and what it has to come to.
type Row = (&'static str, fn(&Mint) -> Vec<u8>, Expected);

/// One JWT.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) why: &'static str,
    pub(crate) token: Vec<u8>,
    pub(crate) expected: Expected,
}

/// All JWTs. They suppose these keys: `active` (Ed25519) signs; `next` (P-256) and `shared` (HMAC) verify too; `gone` was revoked.
pub(crate) fn cases(mint: &Mint) -> Vec<Case> {
    let rows = [headers::ROWS, dates::ROWS, names::ROWS, shapes::ROWS, signatures::ROWS].into_iter().flatten();
    rows.map(|(why, make, expected)| Case { why, token: make(mint), expected: *expected }).collect()
}
