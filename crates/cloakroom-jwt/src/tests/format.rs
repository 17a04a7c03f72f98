use std::time::Duration;

use cloakroom::Timestamp;

use super::super::codec::SessionClaims;
use super::super::compact::MAX_COMPACT_LEN;
use super::super::{JwtCodec, JwtCodecBuilder, JwtError, JwtKey, JwtKeys};
use super::keys::{active, next, shared};
use crate::corpus::{APP, Expected, Mint, SELF, cases};

const NOW: u64 = 1_800_000_000;
const HOUR: u64 = 3600;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn builder(keys: JwtKeys) -> JwtCodecBuilder {
    JwtCodec::builder(APP, keys).issuer(SELF).audience(SELF)
}

/// The keys that the corpus assumes.
fn keys() -> JwtKeys {
    JwtKeys::new(active()).next(next()).unwrap().retired(shared(), Timestamp::MAX).unwrap().revoked("gone").unwrap()
}

fn format() -> JwtCodec {
    builder(keys()).build().unwrap()
}

fn contents(session: &str) -> SessionClaims<'_> {
    SessionClaims { session, sid: "0".repeat(32), subject: Some("ada") }
}

fn written(format: &JwtCodec, now: u64) -> String {
    format.write(&contents("the session"), at(now), Duration::from_secs(24 * HOUR)).unwrap().0
}

fn claims(token: &str) -> serde_json::Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[test]
fn r42_to_r47_every_hostile_jwt_comes_to_what_it_should() {
    let format = format();
    let cases = cases(&Mint { now: NOW, longest: HOUR, session: "the session".to_owned() });
    assert!(cases.len() >= 200, "only {} cases", cases.len());
    let outcome = |token: &[u8]| match format.read(token, at(NOW)) {
        Ok(read) => format!("Live {}", read.session == "the session"),
        Err(error) => format!("{error:?}"),
    };
    let expected = |expected| match expected {
        Expected::Live => "Live true".to_owned(),
        refused => format!("{refused:?}"),
    };
    let compared = cases.iter().map(|case| (case.why, outcome(&case.token), expected(case.expected)));
    let wrong: Vec<_> = compared.filter(|(_, outcome, expected)| outcome != expected).collect();
    assert_eq!(wrong, [], "case, outcome, expected outcome");
}

#[test]
fn what_is_written_is_read_and_says_what_is_documented() {
    let format = format();
    let token = written(&format, NOW);
    assert_eq!(format.read(token.as_bytes(), at(NOW)).unwrap().session, "the session");
    let claims = claims(&token);
    let said: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(said, ["aud", "exp", "iat", "iss", "jti", "nbf", "session", "sid"]);
    assert_eq!((&claims["iss"], &claims["aud"]), (&SELF.into(), &SELF.into()));
    assert_eq!((&claims["iat"], &claims["nbf"], &claims["exp"]), (&NOW.into(), &NOW.into(), &(NOW + HOUR).into()));
    assert_ne!(claims["jti"], self::claims(&written(&format, NOW + 1))["jti"]);
}

#[test]
fn every_algorithm_is_written_and_read_in_one_spelling() {
    for key in [active(), next(), shared()] {
        let format = builder(JwtKeys::new(key)).build().unwrap();
        for second in 0..50 {
            let token = written(&format, NOW + second);
            assert!(format.read(token.as_bytes(), at(NOW + second)).is_ok(), "{token}");
        }
    }
}

#[test]
fn r44_a_jwt_is_good_until_its_end_and_the_leeway_and_no_longer_than_its_session() {
    let format = format();
    let token = written(&format, NOW);
    let read = |now| format.read(token.as_bytes(), at(now)).map(|read| read.session);
    assert!(read(NOW + HOUR + 29).is_ok());
    assert_eq!(read(NOW + HOUR + 30).unwrap_err(), JwtError::Expired);
    assert!(read(NOW - 30).is_ok());
    assert_eq!(read(NOW - 31).unwrap_err(), JwtError::NotYetValid);
    let (short, left) = format.write(&contents("s"), at(NOW), Duration::from_millis(9_999)).unwrap();
    assert_eq!((claims(&short)["exp"].as_u64(), left), (Some(NOW + 9), Duration::from_secs(9)));
}

#[test]
fn r48_a_jwt_is_to_be_issued_again_at_half_of_its_life_or_when_its_key_signs_no_more() {
    let format = format();
    let token = written(&format, NOW);
    let outdated = |now| format.read(token.as_bytes(), at(now)).unwrap().is_outdated;
    assert!(!outdated(NOW + HOUR / 2 - 1));
    assert!(outdated(NOW + HOUR / 2));
    format.replace_keys(JwtKeys::new(next()).retired(active(), at(NOW + 60)).unwrap());
    assert!(outdated(NOW + 1));
    assert_eq!(format.read(token.as_bytes(), at(NOW + 60)).err(), Some(JwtError::UnknownKey));
    format.replace_keys(JwtKeys::new(next()).revoked("active").unwrap());
    assert_eq!(format.read(token.as_bytes(), at(NOW + 1)).err(), Some(JwtError::RevokedKey));
    format.replace_keys(JwtKeys::new(next()));
    assert_eq!(format.read(token.as_bytes(), at(NOW + 1)).err(), Some(JwtError::UnknownKey));
}

#[test]
fn a_subject_is_said_only_if_it_is_asked_for_and_short() {
    let format = builder(keys()).with_subject().build().unwrap();
    assert_eq!(claims(&written(&format, NOW))["sub"], "ada");
    for (name, is_said) in [("x".repeat(255), true), ("x".repeat(256), false), ("\u{1}".repeat(43), false)] {
        let contents = SessionClaims { subject: Some(&name), ..contents("s") };
        let token = format.write(&contents, at(NOW), Duration::from_secs(HOUR)).unwrap().0;
        assert_eq!(claims(&token).get("sub").is_some(), is_said, "{name:?}");
    }
}

#[test]
fn r47_no_jwt_is_longer_than_is_said_and_none_can_be_too_long() {
    let long = "x".repeat(255);
    let app = "x".repeat(32);
    let widest =
        || JwtCodec::builder(&app, JwtKeys::new(JwtKey::generate(&"k".repeat(64), &cloakroom::OsRandom).unwrap()));
    let format = widest().issuer(&long).audience(&long).with_subject().build().unwrap();
    let contents = SessionClaims { session: &"s".repeat(58), sid: "0".repeat(32), subject: Some(&long) };
    let token = format.write(&contents, at((1 << 53) - HOUR - 1), Duration::from_secs(HOUR)).unwrap().0;
    assert_eq!(token.len(), format.longest());
    assert!(format.longest() < MAX_COMPACT_LEN);
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let long = "x".repeat(256);
    let table = [
        (JwtCodec::builder("", keys()).issuer(SELF).audience(SELF), "app"),
        (JwtCodec::builder("Shop", keys()).issuer(SELF).audience(SELF), "app"),
        (JwtCodec::builder(&long, keys()).issuer(SELF).audience(SELF), "app"),
        (JwtCodec::builder(APP, keys()).audience(SELF), "issuer"),
        (JwtCodec::builder(APP, keys()).issuer(SELF), "audience"),
        (builder(keys()).issuer(&long), "issuer"),
        (builder(keys()).audience(&long), "audience"),
        (builder(keys()).lifetime(Duration::from_secs(59)), "lifetime"),
        (builder(keys()).lifetime(Duration::from_secs(401 * 24 * HOUR)), "lifetime"),
        (builder(keys()).leeway(Duration::from_secs(61)), "leeway"),
    ];
    for (builder, setting) in table {
        let error = builder.build().unwrap_err();
        assert_eq!(error.setting(), format!("jwt.{setting}"), "{error}");
    }
}
