//! The text formats of a layer's tokens, and how they are verified.

use std::time::Duration;

use crate::codec::{DecodedToken, DynCodec, PlainToken, TokenContents};
use crate::crypto::ActiveKeyRing;
use crate::session::RequestSession;
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{EncodedToken, Token};

#[cfg_attr(not(feature = "keys"), path = "token_format/without_keys.rs")]
mod signed;

use signed::SignedFormat;

/// The token format of one carrier.
#[derive(Clone, Debug)]
pub(super) enum TokenFormat {
    /// Selector and secret only.
    Plain,
    /// With a MAC under the sessions' keys, for this carrier and name only.
    Signed(SignedFormat),
    /// The format of a codec.
    Codec(Arc<dyn DynCodec>),
}

impl TokenFormat {
    /// A format for one carrier. `carrier` and `name` are part of the derived keys, so that a token of
    /// one cookie or header is not valid in another.
    pub(super) fn new(
        keys: Option<&ActiveKeyRing>,
        carrier: &str,
        name: &str,
        unsigned_until: Option<Timestamp>,
    ) -> Self {
        keys.map_or(Self::Plain, |keys| Self::Signed(SignedFormat::new(keys, carrier, name, unsigned_until)))
    }

    /// Returns `true` if two layers of the same sessions and carrier read and write tokens alike.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain, Self::Plain) => true,
            (Self::Signed(one), Self::Signed(other)) => one.is_like(other),
            (Self::Codec(one), Self::Codec(other)) => one.is_same(&**other),
            _ => false,
        }
    }

    /// Returns `true` if a text has the format of a token. It need not have been issued.
    pub(super) fn is_well_formed(&self, text: &[u8]) -> bool {
        match self {
            Self::Plain => Token::parse(text).is_some(),
            Self::Signed(signed) => signed.is_well_formed(text),
            Self::Codec(codec) => codec.is_well_formed(text),
        }
    }

    pub(super) fn decode(&self, text: &[u8], now: impl FnOnce() -> Timestamp) -> DecodedToken {
        match self {
            Self::Plain => PlainToken::parse(text).map_or(DecodedToken::Malformed, DecodedToken::Valid),
            Self::Signed(signed) => signed.decode(text),
            Self::Codec(codec) => codec.decode(text, now()),
        }
    }

    /// Decodes a token without a MAC where those with one are issued, if it is still accepted.
    pub(super) fn decode_unsigned(&self, text: &[u8], now: impl FnOnce() -> Timestamp) -> Option<Token> {
        let Self::Signed(signed) = self else { return None };
        signed.decode_unsigned(text, now)
    }

    /// Encodes the token of a request's session that has `left` to live. Returns the text and how
    /// long it is valid; `None` only if a codec fails.
    pub(super) fn encode(
        &self,
        token: &Token,
        left: Duration,
        handle: &RequestSession,
    ) -> Option<(TokenText, Duration)> {
        match self {
            Self::Plain => Some((TokenText::Short(token.encode()), left)),
            Self::Signed(signed) => Some((TokenText::Short(signed.encode(token)), left)),
            Self::Codec(codec) => encode_with(&**codec, token, left, handle),
        }
    }
}

fn encode_with(
    codec: &dyn DynCodec,
    token: &Token,
    left: Duration,
    handle: &RequestSession,
) -> Option<(TokenText, Duration)> {
    let (now, principal) = handle.claims_now();
    let contents = TokenContents { principal, ..TokenContents::new(PlainToken(*token), now, left) };
    let issued = codec.encode(&contents)?;
    // A text that is not a token must not reach a header: it could end there and begin another one.
    if !issued.is_sendable(codec.max_len()) {
        tracing::error!("a codec made a text that is not a token, or too long; its client keeps its present token");
        return None;
    }
    Some((TokenText::Long(issued.text), issued.lifetime))
}

/// The text that a client receives.
pub(super) enum TokenText {
    Short(EncodedToken),
    Long(String),
}

impl TokenText {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Short(text) => text.as_str(),
            Self::Long(text) => text,
        }
    }
}
