//! Ways in for the fuzz targets of `fuzz/`: no part of the API, and compiled only with `--cfg fuzzing`.

use crate::identity::{Hint, Secret, Tag, Token};
use crate::keys::{Key, KeyRing, MacKeys, Purpose};

use super::bearer;
use super::cookie::{Found, find_in};
use super::token::Unsealed;

#[cfg(feature = "jwt")]
pub use crate::jwt::fuzzing::{AUDIENCE, ISSUER, KID, LONGEST_LIFE, NOW, TYPE, read_jwt, sign_jwt};

/// Tag, secret, and the hint's version and nonce.
pub type TokenParts = ([u8; 16], [u8; 16], Option<(u64, u16)>);

/// Why no value is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbelievable {
    /// Different values under one name.
    Ambiguous,
    /// More than is read.
    Oversized,
}

/// What the fields of a request say about the cookie `name`; `None` where it is absent.
///
/// # Errors
/// If there is no value that may be believed.
pub fn find_cookie<'a>(fields: &[&'a [u8]], name: &[u8]) -> Result<Option<&'a [u8]>, Unbelievable> {
    match find_in(fields.iter().copied(), name) {
        Found::Absent => Ok(None),
        Found::One(value) => Ok(Some(value)),
        Found::Ambiguous => Err(Unbelievable::Ambiguous),
        Found::Oversized => Err(Unbelievable::Oversized),
    }
}

/// What the `Authorization` fields of a request say; `None` where there is no bearer token.
///
/// # Errors
/// If there is nothing that may be believed.
pub fn find_bearer<'a>(fields: &[&'a [u8]]) -> Result<Option<&'a [u8]>, Unbelievable> {
    match bearer::find_in(fields.iter().copied()) {
        bearer::Found::Absent => Ok(None),
        bearer::Found::One(text) => Ok(Some(text)),
        bearer::Found::Several => Err(Unbelievable::Ambiguous),
        bearer::Found::Oversized => Err(Unbelievable::Oversized),
    }
}

/// What a token says, if the text is one.
#[must_use]
pub fn parse_token(text: &[u8]) -> Option<TokenParts> {
    Token::parse(text).as_ref().map(parts)
}

/// The text of a token.
#[must_use]
pub fn encode_token(parts: TokenParts) -> String {
    token(parts).encode().as_str().to_owned()
}

/// What a token with a MAC says, if the text is one that was issued under the key of this module.
#[must_use]
pub fn unseal_token(text: &[u8]) -> Option<TokenParts> {
    match Token::unseal(text, &keys()?) {
        Unsealed::Fresh(token) | Unsealed::Outdated(token) => Some(parts(&token)),
        Unsealed::Malformed | Unsealed::Forged | Unsealed::UnknownKey => None,
    }
}

/// The text of a token with a MAC.
#[must_use]
pub fn seal_token(parts: TokenParts) -> Option<String> {
    Some(token(parts).seal(&keys()?).as_str().to_owned())
}

fn keys() -> Option<MacKeys> {
    let secret: [u8; 32] = std::array::from_fn(|index| (index * index + 200) as u8);
    Some(MacKeys::new(&KeyRing::new(Key::new(7, secret).ok()?), Purpose::Token, b"cookie:fuzz"))
}

fn token((tag, secret, hint): TokenParts) -> Token {
    let hint = hint.map(|(version, nonce)| Hint { version, nonce });
    Token { tag: Tag::from_bytes(tag), secret: Secret::from_bytes(secret), hint }
}

fn parts(token: &Token) -> TokenParts {
    let hint = token.hint.map(|hint| (hint.version, hint.nonce));
    (*token.tag.as_bytes(), *token.secret.as_bytes(), hint)
}
