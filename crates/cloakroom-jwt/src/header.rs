//! The header of a JWT, parsed before anything in the token is trusted.

use serde_json::Value;

use super::{JwtError, json};

/// Members that supply keys or say where to fetch them (RFC 8725 §3.10), that change what is signed
/// or how it is encoded, or that belong to encrypted tokens.
const REFUSED: [&str; 10] = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc", "epk", "p2c"];

#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) kid: String,
    pub(super) typ: Option<String>,
}

impl Header {
    pub(super) fn parse(text: &[u8]) -> Result<Self, JwtError> {
        let mut members = json::members(text)?;
        if REFUSED.iter().any(|name| members.contains_key(*name)) {
            return Err(JwtError::Header);
        }
        let mut text = |name| match members.remove(name) {
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(JwtError::Header),
            None => Ok(None),
        };
        Ok(Self {
            algorithm: text("alg")?.ok_or(JwtError::Header)?,
            kid: text("kid")?.ok_or(JwtError::Header)?,
            typ: text("typ")?,
        })
    }
}

/// Returns `true` for a valid name of a key: 1 to 64 letters, digits, `-` and `_`.
///
/// Such a name has no special meaning in any system to which it may be passed, such as a file
/// system, SQL or a log.
pub(super) fn is_kid(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}
