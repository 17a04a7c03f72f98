//! Ways in for the fuzz target `jwt`: no part of the API, and compiled only with `--cfg fuzzing`.

use jsonwebtoken::EncodingKey;

use super::compact::encode;
use super::signature::{Algorithm, Signing};
use super::{JwtFormat, JwtKey, JwtKeys};
use crate::time::Timestamp;

/// Who issues.
pub const ISSUER: &str = "https://a.example";
/// For whom.
pub const AUDIENCE: &str = "https://b.example";
/// The type.
pub const TYPE: &str = "a-session+jwt";
/// The name of the one key, which is for HMAC.
pub const KID: &str = "k";
/// What time it is, in seconds.
pub const NOW: u64 = 1_800_000_000;
/// In seconds.
pub const LONGEST_LIFE: u64 = 3600;

const SECRET: [u8; 32] = *b"\x93a key for fuzzers, not a secret";

/// What the claim `session` says, if the text is a JWT that is good.
#[must_use]
pub fn read_jwt(text: &[u8]) -> Option<String> {
    let key = JwtKey::hs256(KID, SECRET).ok()?;
    let format = JwtFormat::builder("a", JwtKeys::new(key)).issuer(ISSUER).audience(AUDIENCE).build().ok()?;
    format.read(text, Timestamp::from_millis(NOW * 1000)).ok().map(|read| read.session)
}

/// A JWT of any header and any payload, rightly signed.
#[must_use]
pub fn sign_jwt(header: &[u8], payload: &[u8]) -> Option<String> {
    let message = format!("{}.{}", encode(header), encode(payload));
    let key = Signing::new(Algorithm::Hs256, EncodingKey::from_secret(&SECRET))?;
    Some(format!("{message}.{}", encode(&key.sign(message.as_bytes())?)))
}
