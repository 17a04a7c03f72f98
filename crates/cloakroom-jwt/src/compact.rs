//! The text of a JWT: `header.payload.signature`, each in base64url (RFC 7515 §7.1).
//!
//! Each part has one spelling: no padding, no spare bits, no white space, no other alphabet. The
//! JSON serialization of RFC 7515 and the five parts of an encrypted token are refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::JwtError;

/// The maximum length of a cookie.
pub(crate) const MAX_COMPACT_LEN: usize = 4096;

/// Returns `true` if a text has the format of a JWT. No part is decoded.
pub(crate) fn is_compact(text: &[u8]) -> bool {
    let is_part = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= MAX_COMPACT_LEN
        && text.split(|byte| *byte == b'.').count() == 3
        && text.split(|byte| *byte == b'.').all(is_part)
}

/// The parts of a JWT that is not verified yet.
pub(super) struct Compact<'a> {
    pub(super) header: Vec<u8>,
    /// The bytes that the signature covers.
    pub(super) message: &'a [u8],
    pub(super) signature: Vec<u8>,
    payload: &'a [u8],
}

impl<'a> Compact<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, JwtError> {
        if text.len() > MAX_COMPACT_LEN {
            return Err(JwtError::TooLong);
        }
        let mut parts = text.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwtError::Malformed);
        };
        if payload.is_empty() {
            return Err(JwtError::Malformed);
        }
        Ok(Self {
            header: decode(header)?,
            message: &text[..header.len() + 1 + payload.len()],
            signature: decode(signature)?,
            payload,
        })
    }

    /// Decodes the payload. Only to be called after the signature was verified.
    pub(super) fn payload(&self) -> Result<Vec<u8>, JwtError> {
        decode(self.payload)
    }
}

fn decode(part: &[u8]) -> Result<Vec<u8>, JwtError> {
    if part.is_empty() {
        return Err(JwtError::Malformed);
    }
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed)
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
