//! The text formats of a layer's tokens, and how they are verified.

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

/// The token format of one carrier.
#[derive(Clone, Debug)]
pub(super) enum TokenFormat {
    /// Selector and secret only.
    Plain,
    /// With a MAC under the sessions' keys, for this carrier and name only.
    Signed(SignedFormat),
    /// In a signed JWT.
    #[cfg(feature = "jwt")]
    Jwt(JwtCodec),
}

#[derive(Clone, Debug)]
pub(super) struct SignedFormat {
    keys: Arc<FollowsRing<MacKeys>>,
    /// The instant until which tokens without a MAC are accepted too.
    unsigned_until: Option<Timestamp>,
}

/// The result of decoding a text.
#[derive(Clone, Copy, Debug)]
pub(super) enum DecodedToken {
    Token(Token),
    /// Valid, but its client should receive it again in the present format.
    Outdated(Token),
    /// Valid, but without a MAC, and to be reissued with one.
    Unsigned(Token),
    Malformed,
    Forged,
    UnknownKey,
    /// A JWT that has expired or is not valid yet.
    #[cfg(feature = "jwt")]
    Expired,
}

impl TokenFormat {
    /// A format for one carrier. `way` and `name` are part of the derived keys, so that a token of
    /// one cookie or header is not valid in another.
    pub(super) fn new(
        keys: Option<&ActiveKeyRing>,
        carrier: &str,
        name: &str,
        unsigned_until: Option<Timestamp>,
    ) -> Self {
        let Some(keys) = keys else { return Self::Plain };
        // No name contains a colon.
        let context = format!("{carrier}:{name}");
        let keys = keys.derive(move |ring| MacKeys::new(ring, Purpose::Token, context.as_bytes()));
        Self::Signed(SignedFormat { keys, unsigned_until })
    }

    /// Returns `true` if two layers of the same sessions and carrier read and write tokens alike.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain, Self::Plain) => true,
            (Self::Signed(one), Self::Signed(other)) => one.unsigned_until == other.unsigned_until,
            #[cfg(feature = "jwt")]
            (Self::Jwt(one), Self::Jwt(other)) => one.is_same(other),
            _ => false,
        }
    }

    /// Returns `true` if a text has the format of a token. It need not have been issued.
    pub(super) fn is_well_formed(&self, text: &[u8]) -> bool {
        match self {
            Self::Plain => Token::parse(text).is_some(),
            Self::Signed(signed) => {
                token::is_signed(text) || (signed.unsigned_until.is_some() && Token::parse(text).is_some())
            }
            #[cfg(feature = "jwt")]
            Self::Jwt(_) => crate::jwt::is_compact(text),
        }
    }

    pub(super) fn decode(&self, text: &[u8], now: impl FnOnce() -> Timestamp) -> DecodedToken {
        match self {
            Self::Plain => Token::parse(text).map_or(DecodedToken::Malformed, DecodedToken::Token),
            Self::Signed(signed) => signed.read(text, now),
            #[cfg(feature = "jwt")]
            Self::Jwt(format) => jwt::read(format, text, now()),
        }
    }

    /// Encodes the token of a request's session that has `left` to live. Returns the text and how
    /// long it is valid; `None` only if a signature cannot be made.
    #[cfg_attr(
        not(feature = "jwt"),
        expect(unused_variables, reason = "only a JWT contains more of a session than its token")
    )]
    pub(super) fn encode(
        &self,
        token: &Token,
        left: Duration,
        handle: &RequestSession,
    ) -> Option<(TokenText, Duration)> {
        match self {
            Self::Plain => Some((TokenText::Short(token.encode()), left)),
            Self::Signed(signed) => Some((TokenText::Short(token.sign(&signed.keys.get())), left)),
            #[cfg(feature = "jwt")]
            Self::Jwt(format) => jwt::write(format, token, left, handle),
        }
    }
}

/// The text that a client receives.
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
        match Token::verify_signed(text, &self.keys.get()) {
            SignedToken::Valid(token) => DecodedToken::Token(token),
            SignedToken::Outdated(token) => DecodedToken::Outdated(token),
            SignedToken::Forged => DecodedToken::Forged,
            SignedToken::UnknownKey => DecodedToken::UnknownKey,
            // A plain token differs in length from one with a MAC, so neither can be mistaken for
            // the other.
            SignedToken::Malformed => match (Token::parse(text), self.unsigned_until) {
                (Some(token), Some(until)) if now() < until => DecodedToken::Unsigned(token),
                _ => DecodedToken::Malformed,
            },
        }
    }
}
