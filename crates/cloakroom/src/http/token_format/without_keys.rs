//! Without the feature `keys`, no token has a MAC.

use crate::codec::DecodedToken;
use crate::crypto::ActiveKeyRing;
use crate::time::Timestamp;
use crate::token::{EncodedToken, Token};

#[derive(Clone, Debug)]
pub(in crate::http) enum SignedFormat {}

impl SignedFormat {
    pub(super) const fn new(keys: &ActiveKeyRing, _: &str, _: &str, _: Option<Timestamp>) -> Self {
        match *keys {}
    }

    pub(super) const fn is_like(&self, _: &Self) -> bool {
        match *self {}
    }

    pub(super) const fn is_well_formed(&self, _: &[u8]) -> bool {
        match *self {}
    }

    pub(super) const fn decode(&self, _: &[u8]) -> DecodedToken {
        match *self {}
    }

    pub(super) fn decode_unsigned(&self, _: &[u8], _: impl FnOnce() -> Timestamp) -> Option<Token> {
        match *self {}
    }

    pub(super) const fn encode(&self, _: &Token) -> EncodedToken {
        match *self {}
    }
}
