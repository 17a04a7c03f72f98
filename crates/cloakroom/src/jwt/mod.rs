//! Signed JSON Web Tokens, read strictly: as the tokens of sessions, and as access tokens of somebody else (feature `jwt`).
//!
//! The signatures are those of the `jsonwebtoken` crate. What stands around them is read here, because "a JWT that
//! decodes" leaves open what attacks are made of: RFC 8725 and OWASP's cheat sheet are a list of them.
//!
//! - Three parts of canonical base64url, at most 4096 bytes; no member of a JSON object twice.
//! - The key is found by exactly its name; it carries its algorithm; the header can neither choose nor bring one.
//! - `typ`, `iss`, `aud`, `exp` and `iat` must be there and be right; dates are whole numbers.
//! - Nothing is fetched, ever.

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

pub use access::{AccessToken, AccessTokenVerifier, AccessTokenVerifierBuilder};
pub use codec::{JwtCodec, JwtCodecBuilder};
pub use error::{JwtConfigError, JwtError};
pub use jwks::JwkSet;
pub use key::JwtKey;
pub use keys::JwtKeys;

pub(crate) use codec::SessionClaims;
pub(crate) use compact::is_compact;
