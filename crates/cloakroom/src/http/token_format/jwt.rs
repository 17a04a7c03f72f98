//! Session tokens as signed JWTs.

use std::time::Duration;

use crate::jwt::{JwtCodec, JwtError, SessionClaims};
use crate::session::RequestSession;
use crate::time::Timestamp;
use crate::token::{Principal, PublicId, Token};

use super::{DecodedToken, TokenText};

pub(super) fn read(format: &JwtCodec, text: &[u8], now: Timestamp) -> DecodedToken {
    use JwtError as Because;
    match format.read(text, now) {
        Ok(read) => match Token::parse(read.session.as_bytes()) {
            Some(token) if read.is_outdated => DecodedToken::Outdated(token),
            Some(token) => DecodedToken::Token(token),
            None => DecodedToken::Malformed,
        },
        Err(Because::UnknownKey | Because::RevokedKey) => DecodedToken::UnknownKey,
        Err(Because::Expired | Because::NotYetValid) => DecodedToken::Expired,
        Err(Because::Algorithm | Because::Signature | Because::Type | Because::Issuer | Because::Audience) => {
            DecodedToken::Forged
        }
        Err(_) => DecodedToken::Malformed,
    }
}

pub(super) fn write(
    format: &JwtCodec,
    token: &Token,
    left: Duration,
    handle: &RequestSession,
) -> Option<(TokenText, Duration)> {
    let (now, principal) = handle.claims_now();
    let session = token.encode();
    let contents = SessionClaims {
        session: session.as_str(),
        sid: PublicId::of(&token.selector).to_string(),
        subject: principal.as_ref().map(Principal::as_str),
    };
    let written = format.write(&contents, now, left);
    if written.is_none() {
        tracing::error!("a session JWT could not be signed; its client keeps its present token");
    }
    written.map(|(text, left)| (TokenText::Long(text), left))
}
