use cloakroom::{Clock, Sleep, Timestamp};
use serde::Deserialize;

use super::super::{AccessTokenVerifier, AccessTokenVerifierBuilder, JwkSet, JwtError};
use crate::corpus::{Case, Expected, Mint, SELF, cases, hmac_secret};

const JWKS: &str = include_str!("../../tests/fixtures/rsa.jwks.json");
const RS256: &str = include_str!("../../tests/fixtures/rs256.jwt");
const PS256: &str = include_str!("../../tests/fixtures/ps256.jwt");
const NOW: u64 = 1_800_000_000;

/// A clock that always shows the same time.
#[derive(Clone, Copy, Debug)]
struct At(u64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0 * 1000)
    }

    fn sleep(&self, _: std::time::Duration) -> Sleep {
        Box::pin(std::future::pending())
    }
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Claims {
    sub: String,
    roles: Vec<String>,
}

fn of_rsa(builder: impl Fn(AccessTokenVerifierBuilder) -> AccessTokenVerifierBuilder) -> AccessTokenVerifier {
    let tokens = AccessTokenVerifier::builder("https://id.example", "shop-api").clock(At(NOW));
    builder(tokens).build(JwkSet::from_jwks(JWKS).unwrap()).unwrap()
}

#[test]
fn tokens_that_another_implementation_signed_with_rsa_are_verified() {
    let tokens = of_rsa(|tokens| tokens);
    for token in [RS256, PS256] {
        let read = tokens.verify::<Claims>(token).unwrap();
        assert_eq!(read.claims, Claims { sub: "ada".to_owned(), roles: vec!["editor".to_owned()] });
        assert_eq!(read.expires_at, Timestamp::from_millis((NOW + 3600) * 1000));
    }
    let (message, _) = RS256.rsplit_once('.').unwrap();
    let (_, signature) = PS256.rsplit_once('.').unwrap();
    let mixed = format!("{message}.{signature}");
    assert_eq!(tokens.verify::<Claims>(&mixed).unwrap_err(), JwtError::Signature);
}

#[test]
fn r45_a_token_of_another_issuer_audience_or_type_is_refused() {
    let verify = |tokens: AccessTokenVerifierBuilder| {
        tokens.clock(At(NOW)).build(JwkSet::from_jwks(JWKS).unwrap()).unwrap().verify::<Claims>(RS256).unwrap_err()
    };
    assert_eq!(verify(AccessTokenVerifier::builder("https://id.example/", "shop-api")), JwtError::Issuer);
    assert_eq!(verify(AccessTokenVerifier::builder("https://id.example", "desk-api")), JwtError::Audience);
    let ours = || AccessTokenVerifier::builder("https://id.example", "shop-api");
    assert_eq!(verify(ours().token_type("JWT")), JwtError::Type);
    assert_eq!(verify(ours().without_token_type()), JwtError::Type);
    assert_eq!(verify(ours().max_lifetime(std::time::Duration::from_secs(3599))), JwtError::TooLongLived);
}

#[test]
fn r44_a_token_is_good_until_its_end_and_the_leeway() {
    let verify = |now| of_rsa(|tokens| tokens.clock(At(now))).verify::<Claims>(RS256).err();
    assert_eq!(verify(NOW + 3629), None);
    assert_eq!(verify(NOW + 3630), Some(JwtError::Expired));
    assert_eq!(verify(NOW - 31), Some(JwtError::NotYetValid));
}

#[test]
fn claims_of_another_form_are_refused() {
    #[derive(Debug, Deserialize)]
    struct Other {
        #[expect(dead_code, reason = "the token does not have this claim")]
        tenant: String,
    }
    assert_eq!(of_rsa(|tokens| tokens).verify::<Other>(RS256).unwrap_err(), JwtError::Claims);
}

#[test]
fn r48_a_key_that_left_the_document_verifies_nothing_any_more() {
    let tokens = of_rsa(|tokens| tokens);
    let clone = tokens.clone();
    clone.replace_keys(JwkSet::hs256("other", hmac_secret("other")).unwrap());
    assert_eq!(tokens.verify::<Claims>(RS256).unwrap_err(), JwtError::UnknownKey);
}

/// The corpus of session tokens, under the same rules except the one for own keys.
#[test]
fn r42_to_r47_every_hostile_jwt_comes_to_what_it_should_as_an_access_token() {
    let keys = {
        use super::super::{JwtCodec, JwtKeys};
        let ours = JwtKeys::new(super::keys::active()).next(super::keys::next()).unwrap();
        JwkSet::from_jwks(&JwtCodec::builder("shop", ours).issuer(SELF).audience(SELF).build().unwrap().jwks())
    };
    let tokens = AccessTokenVerifier::builder(SELF, SELF).token_type("shop-session+jwt").clock(At(NOW));
    let tokens = tokens.max_lifetime(std::time::Duration::from_secs(3600)).build(keys.unwrap()).unwrap();
    let mut wrong = Vec::new();
    for Case { why, token, expected } in cases(&Mint { now: NOW, longest: 3600, session: "s".to_owned() }) {
        let Ok(token) = String::from_utf8(token) else { continue };
        let outcome = tokens.verify::<serde_json::Value>(&token).map(drop);
        let right = match (outcome, expected) {
            (Ok(()), Expected::Live | Expected::Claims) => true,
            // Other issuers do not guarantee the lower `s`, so their tokens have two spellings.
            (Ok(()), _) => why == "ES256 with the other s",
            // A published document contains no secrets and no revocations.
            (Err(JwtError::UnknownKey), Expected::RevokedKey) => true,
            (Err(JwtError::UnknownKey), _) if token.starts_with(&header_of_the_shared_key()) => true,
            (Err(error), _) => format!("{error:?}") == format!("{expected:?}"),
        };
        if !right {
            wrong.push((why, outcome, expected));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn header_of_the_shared_key() -> String {
    use base64::Engine as _;
    let header = r#"{"alg":"HS256","kid":"shared","typ":"shop-session+jwt"}"#;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header)
}

#[test]
fn r39_documents_with_keys_that_nobody_should_use_are_refused() {
    let good = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}"#;
    let weak_point = r#"{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","kid":"b"}"#;
    let off_curve = r#"{"kty":"EC","crv":"P-256","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","kid":"b"}"#;
    let modulus = |bytes: usize| format!("_{}", "_".repeat(bytes * 4 / 3 - 1));
    let rsa = |bytes, e: &str| format!(r#"{{"kty":"RSA","n":"{}","e":"{e}","kid":"b"}}"#, modulus(bytes));
    let (short_rsa, long_rsa, low_exponent) = (rsa(129, "AQAB"), rsa(516, "AQAB"), rsa(258, "Aw"));
    let table = [
        ("", "is not a JSON object"),
        ("[]", "is not a JSON object"),
        ("{}", "no list of `keys`"),
        (r#"{"keys":{}}"#, "no list of `keys`"),
        (r#"{"keys":[]}"#, "no key for"),
        (r#"{"keys":[],"keys":[]}"#, "is not a JSON object"),
        (r#"{"keys":[1]}"#, "not an object"),
        (r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"b"}]}"#, "a secret"),
        (
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","kid":"b"}]}"#,
            "private key",
        ),
        (
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
            "(`kid`) is missing",
        ),
        (
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a b"}]}"#,
            "visible ASCII",
        ),
        (r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKx","kid":"b"}]}"#, "32 bytes"),
        (
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=","kid":"b"}]}"#,
            "base64url",
        ),
        (r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ","kid":"b"}]}"#, "32 bytes"),
        (
            r#"{"keys":[{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"b"}]}"#,
            "no key for",
        ),
    ];
    let refused = |text: &str| JwkSet::from_jwks(text).unwrap_err().to_string();
    for (text, expected) in table {
        assert!(refused(text).contains(expected), "{text}: {}", refused(text));
    }
    let second = [
        (weak_point, "weak point"),
        (off_curve, "not a key for ES256"),
        (&short_rsa, "2048 to 4096"),
        (&long_rsa, "2048 to 4096"),
        (&low_exponent, "65537"),
        (good, "occurs twice"),
    ];
    for (key, expected) in second {
        let text = format!(r#"{{"keys":[{good},{key}]}}"#);
        assert!(refused(&text).contains(expected), "{text}: {}", refused(&text));
    }
    let for_encryption = good.replace("\"a\"", "\"b\",\"use\":\"enc\"");
    assert!(JwkSet::from_jwks(&format!(r#"{{"keys":[{good},{for_encryption}]}}"#)).is_ok());
    let many = vec![good; 101].join(",");
    assert!(refused(&format!(r#"{{"keys":[{many}]}}"#)).contains("100 keys"));
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let keys = || JwkSet::from_jwks(JWKS).unwrap();
    let second = std::time::Duration::from_secs;
    let table = [
        (AccessTokenVerifier::builder("", "a"), "issuer"),
        (AccessTokenVerifier::builder("a", ""), "audience"),
        (AccessTokenVerifier::builder("a", "a").leeway(second(61)), "leeway"),
        (AccessTokenVerifier::builder("a", "a").max_lifetime(second(0)), "max_lifetime"),
    ];
    for (builder, setting) in table {
        assert_eq!(builder.build(keys()).unwrap_err().setting(), format!("jwt.{setting}"));
    }
    assert_eq!(JwkSet::hs256("", hmac_secret("x")).unwrap_err().setting(), "jwt.kid");
    assert_eq!(JwkSet::hs256("a", "short").unwrap_err().setting(), "jwt.key");
}

#[test]
fn r43_a_key_that_is_published_for_encryption_verifies_nothing() {
    let set = |purpose: &str| {
        let jwk = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a""#;
        JwkSet::from_jwks(&format!(r#"{{"keys":[{{{jwk}{purpose}}}]}}"#))
    };
    assert!(set("").is_ok() && set(r#","use":"sig""#).is_ok());
    assert!(set(r#","use":"enc""#).is_err() && set(r#","use":"else""#).is_err());
}
