//! Ways in for the fuzz targets of `fuzz/`: no part of the API, and compiled only with `--cfg fuzzing`.

use crate::identity::{Hint, Secret, Tag, Token};

use super::cookie::{Found, find_in};

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

/// What a token says, if the text is one.
#[must_use]
pub fn parse_token(text: &[u8]) -> Option<TokenParts> {
    let token = Token::parse(text)?;
    let hint = token.hint.map(|hint| (hint.version, hint.nonce));
    Some((*token.tag.as_bytes(), *token.secret.as_bytes(), hint))
}

/// The text of a token.
#[must_use]
pub fn encode_token((tag, secret, hint): TokenParts) -> String {
    let hint = hint.map(|(version, nonce)| Hint { version, nonce });
    let token = Token { tag: Tag::from_bytes(tag), secret: Secret::from_bytes(secret), hint };
    token.encode().as_str().to_owned()
}
