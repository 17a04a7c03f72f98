//! Tokens in signed JWTs.

use std::time::Duration;

use crate::identity::{Principal, SessionHandle, Token};
use crate::jwt::{Contents, JwtError, JwtFormat};
use crate::session::Handle;
use crate::time::Timestamp;

use super::{Reading, Text};

pub(super) fn read(format: &JwtFormat, text: &[u8], now: Timestamp) -> Reading {
    use JwtError as Because;
    match format.read(text, now) {
        Ok(read) => match Token::parse(read.session.as_bytes()) {
            Some(token) if read.is_outdated => Reading::Outdated(token),
            Some(token) => Reading::Token(token),
            None => Reading::Malformed,
        },
        Err(Because::UnknownKey | Because::RevokedKey) => Reading::UnknownKey,
        Err(Because::Expired | Because::NotYetValid) => Reading::OutOfTime,
        Err(Because::Algorithm | Because::Signature | Because::Type | Because::Issuer | Because::Audience) => {
            Reading::Forged
        }
        Err(_) => Reading::Malformed,
    }
}

pub(super) fn write(format: &JwtFormat, token: &Token, left: Duration, handle: &Handle) -> Option<(Text, Duration)> {
    let (now, principal) = handle.bearer_now();
    let session = token.encode();
    let contents = Contents {
        session: session.as_str(),
        sid: SessionHandle::of(&token.tag).to_string(),
        subject: principal.as_ref().map(Principal::as_str),
    };
    let written = format.write(&contents, now, left);
    if written.is_none() {
        tracing::error!("a session's JWT could not be signed, so its client keeps what it has");
    }
    written.map(|(text, left)| (Text::Long(text), left))
}
