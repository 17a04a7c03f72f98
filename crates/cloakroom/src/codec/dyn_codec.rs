//! The object-safe form of [`TokenCodec`], so that the codec's type appears in no other type.

use std::any::Any;
use std::fmt;

use crate::time::Timestamp;

use super::{DecodedToken, IssuedToken, TokenCodec, TokenContents};

/// [`TokenCodec`] without its type.
pub(crate) trait DynCodec: Any + fmt::Debug + Send + Sync {
    fn max_len(&self) -> usize;
    fn is_well_formed(&self, text: &[u8]) -> bool;
    fn decode(&self, text: &[u8], now: Timestamp) -> DecodedToken;
    fn encode(&self, contents: &TokenContents) -> Option<IssuedToken>;
    /// Returns `true` if both have the same type and are equal.
    fn is_same(&self, other: &dyn DynCodec) -> bool;
}

impl<C: TokenCodec> DynCodec for C {
    fn max_len(&self) -> usize {
        TokenCodec::max_len(self)
    }

    fn is_well_formed(&self, text: &[u8]) -> bool {
        TokenCodec::is_well_formed(self, text)
    }

    fn decode(&self, text: &[u8], now: Timestamp) -> DecodedToken {
        TokenCodec::decode(self, text, now)
    }

    fn encode(&self, contents: &TokenContents) -> Option<IssuedToken> {
        TokenCodec::encode(self, contents)
    }

    fn is_same(&self, other: &dyn DynCodec) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<C>().is_some_and(|other| self == other)
    }
}
