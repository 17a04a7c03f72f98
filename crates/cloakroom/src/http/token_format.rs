//! What the text of a layer's tokens looks like, and what proves it.

use std::time::Duration;

use crate::crypto::{ActiveKeyRing, FollowsRing, MacKeys, Purpose};
#[cfg(feature = "jwt")]
use crate::jwt::JwtCodec;
use crate::session::RequestSession;
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::Token;

use crate::token::{self, EncodedToken, SignedToken};

#[cfg(feature = "jwt")]
mod jwt;

/// How tokens are written on one way.
#[derive(Clone, Debug)]
pub(super) enum TokenFormat {
    /// Tag and secret, and nothing beside.
    Plain,
    /// With a MAC under the sessions' keys, for this one way and name.
    Signed(SignedFormat),
    /// In a signed JWT.
    #[cfg(feature = "jwt")]
    Jwt(JwtCodec),
}

#[derive(Clone, Debug)]
pub(super) struct SignedFormat {
    keys: Arc<FollowsRing<MacKeys>>,
    /// Until when tokens from before there were keys are believed too.
    plain_until: Option<Timestamp>,
}

/// What a text turns out to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum DecodedToken {
    Token(Token),
    /// It works, but its client should get it again as it is written today.
    Outdated(Token),
    /// The same, and it comes from before there were keys.
    Unsigned(Token),
    Malformed,
    Forged,
    UnknownKey,
    /// It was good once, or will be.
    #[cfg(feature = "jwt")]
    Expired,
}

impl TokenFormat {
    /// `carrier` and `name` go into the keys, so that a token of one cookie or header is none of another.
    pub(super) fn new(keys: Option<&ActiveKeyRing>, carrier: &str, name: &str, plain_until: Option<Timestamp>) -> Self {
        let Some(keys) = keys else { return Self::Plain };
        // No name has a colon in it.
        let context = format!("{carrier}:{name}");
        let keys = keys.derive(move |ring| MacKeys::new(ring, Purpose::Token, context.as_bytes()));
        Self::Signed(SignedFormat { keys, plain_until })
    }

    /// Whether two layers of the same sessions and carrier read and write tokens alike.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain, Self::Plain) => true,
            (Self::Signed(one), Self::Signed(other)) => one.plain_until == other.plain_until,
            #[cfg(feature = "jwt")]
            (Self::Jwt(one), Self::Jwt(other)) => one.is_same(other),
            _ => false,
        }
    }

    /// Whether a text can be a token by its form. Nothing is said of whether it was ever issued.
    pub(super) fn is_well_formed(&self, text: &[u8]) -> bool {
        match self {
            Self::Plain => Token::parse(text).is_some(),
            Self::Signed(sealed) => {
                token::is_signed(text) || (sealed.plain_until.is_some() && Token::parse(text).is_some())
            }
            #[cfg(feature = "jwt")]
            Self::Jwt(_) => crate::jwt::is_compact(text),
        }
    }

    pub(super) fn decode(&self, text: &[u8], now: impl FnOnce() -> Timestamp) -> DecodedToken {
        match self {
            Self::Plain => Token::parse(text).map_or(DecodedToken::Malformed, DecodedToken::Token),
            Self::Signed(sealed) => sealed.read(text, now),
            #[cfg(feature = "jwt")]
            Self::Jwt(format) => jwt::read(format, text, now()),
        }
    }

    /// The text of the token of a handle's session, which has `left` to live, and for how long it is good. `None` only
    /// if a signature cannot be made.
    #[cfg_attr(
        not(feature = "jwt"),
        expect(unused_variables, reason = "only a JWT says more of a session than its token")
    )]
    pub(super) fn encode(
        &self,
        token: &Token,
        left: Duration,
        handle: &RequestSession,
    ) -> Option<(TokenText, Duration)> {
        match self {
            Self::Plain => Some((TokenText::Short(token.encode()), left)),
            Self::Signed(sealed) => Some((TokenText::Short(token.sign(&sealed.keys.present())), left)),
            #[cfg(feature = "jwt")]
            Self::Jwt(format) => jwt::write(format, token, left, handle),
        }
    }
}

/// What a client gets.
pub(super) enum TokenText {
    Short(EncodedToken),
    #[cfg(feature = "jwt")]
    Long(String),
}

impl TokenText {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Short(text) => text.as_str(),
            #[cfg(feature = "jwt")]
            Self::Long(text) => text,
        }
    }
}

impl SignedFormat {
    fn read(&self, text: &[u8], now: impl FnOnce() -> Timestamp) -> DecodedToken {
        match Token::verify_signed(text, &self.keys.present()) {
            SignedToken::Valid(token) => DecodedToken::Token(token),
            SignedToken::Outdated(token) => DecodedToken::Outdated(token),
            SignedToken::Forged => DecodedToken::Forged,
            SignedToken::UnknownKey => DecodedToken::UnknownKey,
            // A plain token has another length than one with a MAC, so neither is ever taken for the other.
            SignedToken::Malformed => match (Token::parse(text), self.plain_until) {
                (Some(token), Some(until)) if now() < until => DecodedToken::Unsigned(token),
                _ => DecodedToken::Malformed,
            },
        }
    }
}
