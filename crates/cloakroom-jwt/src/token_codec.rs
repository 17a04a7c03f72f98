//! The contract of token formats, for session JWTs.

use cloakroom::codec::{DecodedToken, IssuedToken, PlainToken, TokenCodec, TokenContents};
use cloakroom::{Principal, Timestamp};

use super::codec::SessionClaims;
use super::compact::is_compact;
use super::{JwtCodec, JwtError};

impl TokenCodec for JwtCodec {
    fn max_len(&self) -> usize {
        self.longest()
    }

    fn is_well_formed(&self, text: &[u8]) -> bool {
        is_compact(text)
    }

    fn decode(&self, text: &[u8], now: Timestamp) -> DecodedToken {
        use JwtError as Because;
        match self.read(text, now) {
            Ok(read) => match PlainToken::parse(read.session.as_bytes()) {
                Some(token) if read.is_outdated => DecodedToken::NeedsReissue(token),
                Some(token) => DecodedToken::Valid(token),
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

    fn encode(&self, contents: &TokenContents) -> Option<IssuedToken> {
        let claims = SessionClaims {
            session: &contents.token.to_text(),
            sid: contents.token.public_id().to_string(),
            subject: contents.principal.as_ref().map(Principal::as_str),
        };
        let written = self.write(&claims, contents.issued_at, contents.lifetime);
        if written.is_none() {
            tracing::error!("a session JWT could not be signed; its client keeps its present token");
        }
        written.map(|(text, lifetime)| IssuedToken::new(text, lifetime))
    }
}
