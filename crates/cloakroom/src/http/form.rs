//! What the text of a layer's tokens looks like, and what proves it.

use std::time::Duration;

use crate::identity::Token;
#[cfg(feature = "jwt")]
use crate::jwt::JwtFormat;
use crate::keys::{KeysInUse, Live, MacKeys, Purpose};
use crate::session::Handle;
use crate::sync::Arc;
use crate::time::Timestamp;

use super::token::{self, EncodedToken, Unsealed};

#[cfg(feature = "jwt")]
mod jwt;

/// How tokens are written on one way.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// Tag and secret, and nothing beside.
    Plain,
    /// With a MAC under the sessions' keys, for this one way and name.
    Sealed(Sealed),
    /// In a signed JWT.
    #[cfg(feature = "jwt")]
    Jwt(JwtFormat),
}

#[derive(Clone, Debug)]
pub(super) struct Sealed {
    keys: Arc<Live<MacKeys>>,
    /// Until when tokens from before there were keys are believed too.
    plain_until: Option<Timestamp>,
}

/// What a text turns out to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    Token(Token),
    /// It works, but its client should get it again as it is written today.
    Outdated(Token),
    /// The same, and it comes from before there were keys.
    Plain(Token),
    Malformed,
    Forged,
    UnknownKey,
    /// It was good once, or will be.
    #[cfg(feature = "jwt")]
    OutOfTime,
}

impl Form {
    /// `way` and `name` go into the keys, so that a token of one cookie or header is none of another.
    pub(super) fn new(keys: Option<&KeysInUse>, way: &str, name: &str, plain_until: Option<Timestamp>) -> Self {
        let Some(keys) = keys else { return Self::Plain };
        // No name has a colon in it.
        let context = format!("{way}:{name}");
        let keys = keys.derived(move |ring| MacKeys::new(ring, Purpose::Token, context.as_bytes()));
        Self::Sealed(Sealed { keys, plain_until })
    }

    /// Whether two layers of the same sessions and carrier read and write tokens alike.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain, Self::Plain) => true,
            (Self::Sealed(one), Self::Sealed(other)) => one.plain_until == other.plain_until,
            #[cfg(feature = "jwt")]
            (Self::Jwt(one), Self::Jwt(other)) => one.is_same(other),
            _ => false,
        }
    }

    /// Whether a text can be a token by its form. Nothing is said of whether it was ever issued.
    pub(super) fn is_well_formed(&self, text: &[u8]) -> bool {
        match self {
            Self::Plain => Token::parse(text).is_some(),
            Self::Sealed(sealed) => {
                token::is_sealed(text) || (sealed.plain_until.is_some() && Token::parse(text).is_some())
            }
            #[cfg(feature = "jwt")]
            Self::Jwt(_) => crate::jwt::is_compact(text),
        }
    }

    pub(super) fn read(&self, text: &[u8], now: impl FnOnce() -> Timestamp) -> Reading {
        match self {
            Self::Plain => Token::parse(text).map_or(Reading::Malformed, Reading::Token),
            Self::Sealed(sealed) => sealed.read(text, now),
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
    pub(super) fn write(&self, token: &Token, left: Duration, handle: &Handle) -> Option<(Text, Duration)> {
        match self {
            Self::Plain => Some((Text::Short(token.encode()), left)),
            Self::Sealed(sealed) => Some((Text::Short(token.seal(&sealed.keys.present())), left)),
            #[cfg(feature = "jwt")]
            Self::Jwt(format) => jwt::write(format, token, left, handle),
        }
    }
}

/// What a client gets.
pub(super) enum Text {
    Short(EncodedToken),
    #[cfg(feature = "jwt")]
    Long(String),
}

impl Text {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Short(text) => text.as_str(),
            #[cfg(feature = "jwt")]
            Self::Long(text) => text,
        }
    }
}

impl Sealed {
    fn read(&self, text: &[u8], now: impl FnOnce() -> Timestamp) -> Reading {
        match Token::unseal(text, &self.keys.present()) {
            Unsealed::Fresh(token) => Reading::Token(token),
            Unsealed::Outdated(token) => Reading::Outdated(token),
            Unsealed::Forged => Reading::Forged,
            Unsealed::UnknownKey => Reading::UnknownKey,
            // A plain token has another length than one with a MAC, so neither is ever taken for the other.
            Unsealed::Malformed => match (Token::parse(text), self.plain_until) {
                (Some(token), Some(until)) if now() < until => Reading::Plain(token),
                _ => Reading::Malformed,
            },
        }
    }
}
