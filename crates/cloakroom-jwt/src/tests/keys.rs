use cloakroom::Timestamp;

use super::super::{JwtCodec, JwtKey, JwtKeys};
use crate::corpus::{APP, SELF, ed25519_pem, hmac_secret, p256_pem};

pub(super) fn active() -> JwtKey {
    JwtKey::ed25519("active", &ed25519_pem("active")).unwrap()
}

pub(super) fn next() -> JwtKey {
    JwtKey::es256("next", &p256_pem("next")).unwrap()
}

pub(super) fn shared() -> JwtKey {
    JwtKey::hs256("shared", hmac_secret("shared")).unwrap()
}

#[test]
fn r39_weak_and_published_keys_are_refused() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let ed25519 = |seed: &[u8]| {
        let der = [b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", seed].concat();
        JwtKey::ed25519("k", &pem("PRIVATE KEY", &der))
    };
    let p256 = |scalar: &[u8]| {
        let der = [
            &b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"[..],
            b"\x04\x27\x30\x25\x02\x01\x01\x04\x20",
            scalar,
        ];
        JwtKey::es256("k", &pem("PRIVATE KEY", &der.concat()))
    };
    fn pem(label: &str, der: &[u8]) -> String {
        let text = STANDARD.encode(der);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }
    let mut one = [0; 32];
    one[31] = 1;
    let of_rfc_8037 = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let of_rfc_7515 = URL_SAFE_NO_PAD.decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI").unwrap();
    let refused = [
        ed25519(&[0; 32]),
        ed25519(&[0xff; 32]),
        ed25519(&of_rfc_8037),
        p256(&one),
        p256(&[0; 32]),
        p256(&[0xff; 32]),
        p256(&of_rfc_7515),
        JwtKey::hs256("k", b""),
        JwtKey::hs256("k", b"secret"),
        JwtKey::hs256("k", b"your-256-bit-secret-your-256-bit-secret"),
        JwtKey::hs256("k", [7; 64]),
        JwtKey::hs256("k", of_rfc_8037),
        // Of the wrong kind, or not a key.
        JwtKey::ed25519("k", &p256_pem("next")),
        JwtKey::es256("k", &ed25519_pem("active")),
        JwtKey::ed25519("k", ""),
        JwtKey::es256("k", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
        JwtKey::ed25519("k", &ed25519_pem("active").replace("PRIVATE", "PUBLIC")),
    ];
    for (place, refused) in refused.into_iter().enumerate() {
        assert_eq!(refused.map_err(|error| error.setting()).err(), Some("jwt.key"), "at position {place}");
    }
}

#[test]
fn r43_a_name_is_1_to_64_of_letters_digits_hyphen_and_underscore() {
    let long = "k".repeat(65);
    for kid in ["", "a b", "a/b", "../a", "a.b", "a\0", "\u{e4}", "'", long.as_str()] {
        assert_eq!(JwtKey::hs256(kid, hmac_secret("x")).unwrap_err().setting(), "jwt.kid", "{kid:?}");
        assert_eq!(JwtKeys::new(active()).revoked(kid).unwrap_err().setting(), "jwt.kid", "{kid:?}");
    }
    assert!(JwtKey::hs256(&long[1..], hmac_secret("x")).is_ok());
}

#[test]
fn a_name_and_a_secret_are_in_a_set_once() {
    let again = |kid: &str, name: &str| JwtKey::ed25519(kid, &ed25519_pem(name)).unwrap();
    let keys = || JwtKeys::new(active()).next(next()).unwrap();
    assert_eq!(keys().next(again("active", "other")).unwrap_err().setting(), "jwt.kid");
    assert_eq!(keys().retired(again("next", "other"), Timestamp::MAX).unwrap_err().setting(), "jwt.kid");
    assert_eq!(keys().revoked("active").unwrap_err().setting(), "jwt.kid");
    assert_eq!(keys().next(again("other", "active")).unwrap_err().setting(), "jwt.key");
    let shared_again = JwtKey::hs256("again", hmac_secret("shared")).unwrap();
    assert_eq!(keys().next(shared()).unwrap().next(shared_again).unwrap_err().setting(), "jwt.key");
}

#[test]
fn what_is_published_is_public_and_of_the_keys_that_verify() {
    let gone = JwtKey::ed25519("gone", &ed25519_pem("gone")).unwrap();
    let keys = JwtKeys::new(active()).next(next()).unwrap().next(shared()).unwrap();
    let keys = keys.retired(gone, Timestamp::from_millis(1)).unwrap().revoked("revoked").unwrap();
    let format = JwtCodec::builder(APP, keys).issuer(SELF).audience(SELF).build().unwrap();
    let document = format.jwks();
    let set: serde_json::Value = serde_json::from_str(&document).unwrap();
    let names: Vec<_> = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(names, ["active", "next"]);
    for secret in ["\"d\"", "\"k\"", "oct"] {
        assert!(!document.contains(secret), "{document}");
    }
    // Other services can verify with it.
    assert!(super::super::JwkSet::from_jwks(&document).is_ok());
}

#[test]
fn r55_no_key_shows_its_secret() {
    let keys = JwtKeys::new(active()).next(next()).unwrap().next(shared()).unwrap();
    let format = JwtCodec::builder(APP, keys.clone()).issuer(SELF).audience(SELF).build().unwrap();
    let shown = format!("{keys:?} {format:?} {:?}", JwtCodec::builder(APP, keys.clone()));
    assert!(shown.contains("JwtKey(active, EdDSA)"), "{shown}");
    for name in ["active", "next", "shared"] {
        let secret = format!("{:?}", hmac_secret(name));
        assert!(!shown.contains(secret.trim_matches(['[', ']'])), "{shown}");
    }
}
