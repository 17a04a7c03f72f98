//! Signed JSON Web Tokens for [`cloakroom`], parsed strictly: as session tokens, and as access
//! tokens of other issuers.
//!
//! | you want | use |
//! |---|---|
//! | session tokens that other services verify by themselves | [`JwtCodec`], with [`Transport::codec`](cloakroom::Transport::codec) |
//! | the access tokens of an identity provider, verified once per session | [`AccessTokenVerifier::verify_once`] |
//!
//! Do not use it for anything else: without a codec, session tokens are shorter and reveal nothing.
//!
//! The `jsonwebtoken` crate makes and verifies the signatures. Everything around them is parsed
//! here, because the attacks in RFC 8725 and in OWASP's cheat sheet use what "a JWT that decodes"
//! leaves undefined. The rules:
//!
//! - Three parts of canonical base64url, at most 4096 bytes; no member of a JSON object twice.
//! - The key is found by exactly its name and carries its algorithm; the header can neither choose
//!   an algorithm nor supply a key.
//! - `typ`, `iss`, `aud`, `exp` and `iat` must be present and correct; dates are whole numbers.
//! - Nothing is ever fetched.
//!
//! # Features
//!
//! - `axum` (default): [`AccessError`] is a response, through `axum-core`.

// docs.rs labels each item with the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests may unwrap; library code must not.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod access;
mod access_error;
#[cfg(feature = "axum")]
mod access_response;
mod claims;
mod codec;
mod compact;
#[cfg(test)]
#[path = "../tests/corpus/mod.rs"]
mod corpus;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod json;
mod jwks;
mod key;
mod keys;
mod signature;
#[cfg(test)]
mod tests;
mod token_codec;
mod verify_once;

pub use access::{AccessToken, AccessTokenVerifier, AccessTokenVerifierBuilder};
pub use access_error::AccessError;
pub use codec::{JwtCodec, JwtCodecBuilder};
pub use error::JwtError;
pub use jwks::JwkSet;
pub use key::JwtKey;
pub use keys::JwtKeys;

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
mod readme {}
