//! Makes JWTs of any content, with real signatures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};

use super::keys;

/// Makes JWTs that are valid except for one thing.
#[derive(Clone, Debug)]
pub(crate) struct Mint {
    /// In seconds since the Unix epoch.
    pub(crate) now: u64,
    /// Maximum lifetime of a token, in seconds.
    pub(crate) longest: u64,
    /// The claim `session` of a valid token.
    pub(crate) session: String,
}

const HEADER: &str = r#"{"alg":"EdDSA","kid":"active","typ":"shop-session+jwt"}"#;

impl Mint {
    /// A valid token.
    pub(crate) fn good(&self) -> Vec<u8> {
        self.header(HEADER)
    }

    /// Valid except for its header.
    pub(crate) fn header(&self, header: &str) -> Vec<u8> {
        signed(header, &object(&self.good_claims()), &keys::ed25519("active"), Algorithm::EdDSA)
    }

    /// Valid except for this additional header member.
    pub(super) fn header_with(&self, member: &str) -> Vec<u8> {
        self.header(&format!("{},{member}}}", HEADER.trim_end_matches('}')))
    }

    /// Valid except for its payload, which is this text.
    pub(crate) fn payload(&self, claims: &str) -> Vec<u8> {
        signed(HEADER, claims, &keys::ed25519("active"), Algorithm::EdDSA)
    }

    /// Valid except for one claim.
    pub(crate) fn with(&self, name: &str, value: &str) -> Vec<u8> {
        let mut claims: Vec<(&str, String)> = self.good_claims();
        claims.retain(|(known, _)| *known != name);
        claims.push((name, value.to_owned()));
        self.payload(&object(&claims))
    }

    /// Valid except for two claims.
    pub(super) fn with_both(&self, one: (&str, u64), other: (&str, u64)) -> Vec<u8> {
        let mut claims = self.good_claims();
        claims.retain(|(known, _)| *known != one.0 && *known != other.0);
        claims.extend([(one.0, one.1.to_string()), (other.0, other.1.to_string())]);
        self.payload(&object(&claims))
    }

    /// Valid except for a claim that occurs twice.
    pub(super) fn doubled(&self, name: &str, value: &str) -> Vec<u8> {
        let mut claims = self.good_claims();
        claims.push((name, value.to_owned()));
        self.payload(&object(&claims))
    }

    /// Valid except for a missing claim.
    pub(super) fn without(&self, name: &str) -> Vec<u8> {
        let mut claims = self.good_claims();
        claims.retain(|(known, _)| *known != name);
        self.payload(&object(&claims))
    }

    /// Valid claims, signed by another key or algorithm than the header names.
    pub(super) fn by(&self, header: &str, key: &EncodingKey, algorithm: Algorithm) -> Vec<u8> {
        signed(header, &object(&self.good_claims()), key, algorithm)
    }

    /// The parts of a valid token: header, payload, signature.
    pub(super) fn parts(&self) -> [String; 3] {
        let good = String::from_utf8(self.good()).expect("base64url is ASCII");
        let parts: Vec<_> = good.split('.').map(str::to_owned).collect();
        parts.try_into().expect("three parts")
    }

    /// The valid claims of a token that was issued at `then`.
    pub(super) fn claims_at(&self, then: u64) -> String {
        object(&Self { now: then, ..self.clone() }.good_claims())
    }

    fn good_claims(&self) -> Vec<(&'static str, String)> {
        vec![
            ("iss", format!("{:?}", super::SELF)),
            ("aud", format!("{:?}", super::SELF)),
            ("iat", self.now.to_string()),
            ("nbf", self.now.to_string()),
            ("exp", (self.now + self.longest).to_string()),
            ("sid", "\"0\"".to_owned()),
            ("jti", "\"0\"".to_owned()),
            ("session", format!("{:?}", self.session)),
        ]
    }
}

fn object(claims: &[(&str, String)]) -> String {
    let members: Vec<_> = claims.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn signed(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> Vec<u8> {
    let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("the keys are good");
    format!("{message}.{signature}").into_bytes()
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}
