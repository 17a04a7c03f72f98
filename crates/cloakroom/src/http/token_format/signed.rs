//! Tokens with a MAC.

use crate::codec::{DecodedToken, PlainToken};
use crate::crypto::{ActiveKeyRing, FollowsRing, MacKeys, Purpose};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{self, EncodedToken, SignedToken, Token};

/// The format of tokens with a MAC.
#[derive(Clone, Debug)]
pub(in crate::http) struct SignedFormat {
    keys: Arc<FollowsRing<MacKeys>>,
    /// The instant until which tokens without a MAC are accepted too.
    unsigned_until: Option<Timestamp>,
}

impl SignedFormat {
    pub(super) fn new(keys: &ActiveKeyRing, carrier: &str, name: &str, unsigned_until: Option<Timestamp>) -> Self {
        // No name contains a colon.
        let context = format!("{carrier}:{name}");
        let keys = keys.derive(move |ring| MacKeys::new(ring, Purpose::Token, context.as_bytes()));
        Self { keys, unsigned_until }
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.unsigned_until == other.unsigned_until
    }

    pub(super) fn is_well_formed(&self, text: &[u8]) -> bool {
        token::is_signed(text) || (self.unsigned_until.is_some() && Token::parse(text).is_some())
    }

    pub(super) fn decode(&self, text: &[u8]) -> DecodedToken {
        match Token::verify_signed(text, &self.keys.get()) {
            SignedToken::Valid(token) => DecodedToken::Valid(PlainToken(token)),
            SignedToken::Outdated(token) => DecodedToken::NeedsReissue(PlainToken(token)),
            SignedToken::Forged => DecodedToken::Forged,
            SignedToken::UnknownKey => DecodedToken::UnknownKey,
            SignedToken::Malformed => DecodedToken::Malformed,
        }
    }

    /// Decodes a token without a MAC, if it is still accepted.
    pub(super) fn decode_unsigned(&self, text: &[u8], now: impl FnOnce() -> Timestamp) -> Option<Token> {
        let until = self.unsigned_until?;
        // A plain token differs in length from one with a MAC, so neither can be mistaken for the
        // other.
        Token::parse(text).filter(|_| now() < until)
    }

    pub(super) fn encode(&self, token: &Token) -> EncodedToken {
        token.sign(&self.keys.get())
    }
}
