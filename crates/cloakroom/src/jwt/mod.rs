//! Signed JSON Web Tokens, parsed strictly: as session tokens, and as access tokens of other
//! issuers (feature `jwt`).
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

mod access;
mod claims;
mod codec;
mod compact;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod header;
mod json;
mod jwks;
mod key;
mod keys;
mod signature;
#[cfg(test)]
mod tests;
mod token_codec;

pub use access::{AccessToken, AccessTokenVerifier, AccessTokenVerifierBuilder};
pub use codec::{JwtCodec, JwtCodecBuilder};
pub use error::{JwtConfigError, JwtError};
pub use jwks::JwkSet;
pub use key::JwtKey;
pub use keys::JwtKeys;

use compact::is_compact;
