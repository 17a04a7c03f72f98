//! The check of the fuzz target in `fuzz/`. Not part of the API.
//!
//! Compiled for the fuzzers (`--cfg fuzzing`) and for the tests, which replay the committed seeds,
//! and inputs near them, through the same function.

use cloakroom::Timestamp;
use jsonwebtoken::EncodingKey;
use serde_json::Value;

use super::compact::encode;
use super::signature::{Algorithm, SigningKey};
use super::{JwtCodec, JwtKey, JwtKeys};

const ISSUER: &str = "https://a.example";
const AUDIENCE: &str = "https://b.example";
const TYPE: &str = "a-session+jwt";
const KID: &str = "k";
const SECRET: [u8; 32] = *b"\x93a key for fuzzers, not a secret";

/// In seconds, as all constants below.
const NOW: u64 = 1_800_000_000;
const LONGEST_LIFE: u64 = 3600;
const LEEWAY: u64 = 30;

const REFUSED: [&str; 10] = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc", "epk", "p2c"];

/// Checks the JWT reader: every text that it accepts satisfies all rules.
///
/// An input is the text of a JWT. Split at its first line break it is also a header and a payload,
/// which are correctly signed, so that the reader gets as far as to validate them.
///
/// # Panics
/// If the reader accepts a text without a signature, one that breaks a rule, or a second spelling.
pub fn jwt(input: &[u8]) {
    assert_eq!(read(input), None, "a text without a signature is refused");
    let Some(line_break) = input.iter().position(|byte| *byte == b'\n') else { return };
    let (header, payload) = (&input[..line_break], &input[line_break + 1..]);
    let Some(token) = signed(header, payload) else { return };
    let Some(session) = read(token.as_bytes()) else { return };
    assert!(token.len() <= 4096);
    check_header(&json(header));
    check_claims(&json(payload), &session);
    for changed in [format!("{token}="), format!("{token}."), format!(" {token}"), token.replace('.', "..")] {
        assert_eq!(read(changed.as_bytes()), None, "a token has one spelling");
    }
}

/// The claim `session` of a valid JWT.
fn read(text: &[u8]) -> Option<String> {
    let key = JwtKey::hs256(KID, SECRET).ok()?;
    let format = JwtCodec::builder("a", JwtKeys::new(key)).issuer(ISSUER).audience(AUDIENCE).build().ok()?;
    format.read(text, Timestamp::from_millis(NOW * 1000)).ok().map(|read| read.session)
}

/// A correctly signed JWT of any header and any payload.
fn signed(header: &[u8], payload: &[u8]) -> Option<String> {
    let message = format!("{}.{}", encode(header), encode(payload));
    let key = SigningKey::new(Algorithm::Hs256, EncodingKey::from_secret(&SECRET))?;
    Some(format!("{message}.{}", encode(&key.sign(message.as_bytes())?)))
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("a JWT that was read contains JSON: {error}"))
}

fn check_header(header: &Value) {
    assert_eq!((&header["alg"], &header["kid"], &header["typ"]), (&"HS256".into(), &KID.into(), &TYPE.into()));
    assert!(REFUSED.iter().all(|name| header.get(name).is_none()));
}

fn check_claims(claims: &Value, session: &str) {
    assert_eq!(claims["iss"], ISSUER);
    let addressed = match &claims["aud"] {
        Value::Array(several) => several.contains(&AUDIENCE.into()) && several.iter().all(Value::is_string),
        one => *one == AUDIENCE,
    };
    assert!(addressed);
    let (issued, expires) = (date(&claims["iat"]), date(&claims["exp"]));
    assert!(issued < expires && expires - issued <= LONGEST_LIFE);
    assert!(issued <= NOW + LEEWAY && NOW < expires + LEEWAY);
    if let Some(starts) = claims.get("nbf").map(date) {
        assert!(starts <= NOW + LEEWAY && starts < expires);
    }
    assert_eq!(claims["session"], session);
}

fn date(claim: &Value) -> u64 {
    claim.as_u64().unwrap_or_else(|| panic!("{claim} is not a whole number"))
}

#[cfg(test)]
#[path = "../../cloakroom/tests/support/seeds.rs"]
mod seeds;

#[cfg(test)]
mod tests {
    use super::seeds::replay;
    use super::*;

    #[test]
    fn the_seeds_of_jwt_find_nothing() {
        replay("jwt", jwt);
    }

    #[test]
    fn what_the_fuzzers_sign_is_believed_where_it_keeps_the_rules() {
        let seed = include_bytes!("../../../fuzz/seeds/jwt/good");
        let line_break = seed.iter().position(|byte| *byte == b'\n').unwrap();
        let token = signed(&seed[..line_break], &seed[line_break + 1..]).unwrap();
        assert_eq!(read(token.as_bytes()).as_deref(), Some("s"));
    }
}
