//! The JWT reader: whatever it accepts keeps every rule.
//!
//! An input is the text of a JWT; split at its first line break it is also a header and a payload, which are signed
//! rightly, so that the reader comes as far as to look at them.

#![no_main]

use cloakroom::fuzzing::{AUDIENCE, ISSUER, KID, LONGEST_LIFE, NOW, TYPE, read_jwt, sign_jwt};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const LEEWAY: u64 = 30;
const REFUSED: [&str; 10] = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc", "epk", "p2c"];

const HEADER: &str = r#"{"alg":"HS256","kid":"k","typ":"a-session+jwt"}"#;
const CLAIMS: &str =
    r#"{"iss":"https://a.example","aud":"https://b.example","iat":1800000000,"exp":1800003600,"session":"s"}"#;

fuzz_target!(
    init: {
        // A reader that believes nothing would pass everything below.
        let good = sign_jwt(HEADER.as_bytes(), CLAIMS.as_bytes()).expect("the key is good");
        assert_eq!(read_jwt(good.as_bytes()).as_deref(), Some("s"));
    },
    |input: &[u8]| {
        if let Some(session) = read_jwt(input) {
            panic!("a text without a key was believed: {session:?}");
        }
        let Some(line_break) = input.iter().position(|byte| *byte == b'\n') else { return };
        let (header, payload) = (&input[..line_break], &input[line_break + 1..]);
        let Some(token) = sign_jwt(header, payload) else { return };
        let Some(session) = read_jwt(token.as_bytes()) else { return };
        assert!(token.len() <= 4096);
        check_header(&serde_json::from_slice(header).expect("what was read is JSON"));
        check_claims(&serde_json::from_slice(payload).expect("what was read is JSON"), &session);
        for changed in [format!("{token}="), format!("{token}."), format!(" {token}"), token.replace('.', "..")] {
            assert_eq!(read_jwt(changed.as_bytes()), None, "a token has one spelling");
        }
    }
);

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
    let (issued, expires) = (claims["iat"].as_u64().expect("a number"), claims["exp"].as_u64().expect("a number"));
    assert!(issued < expires && expires - issued <= LONGEST_LIFE);
    assert!(issued <= NOW + LEEWAY && NOW < expires + LEEWAY);
    if let Some(starts) = claims.get("nbf") {
        let starts = starts.as_u64().expect("a number");
        assert!(starts <= NOW + LEEWAY && starts < expires);
    }
    assert_eq!(claims["session"], session);
}
