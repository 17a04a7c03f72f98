//! The keys of an access token issuer, from its published document.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::{ConfigError, Key};
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::json;
use super::signature::{Algorithm, VerifyingKey};

/// The keys that verify the access tokens of one issuer, each for one algorithm.
///
/// Cheap to clone. Nothing is ever fetched: get the document with your HTTP client, at start-up and
/// periodically, and pass its text to
/// [`AccessTokenVerifier::replace_keys`](super::AccessTokenVerifier::replace_keys).
#[derive(Clone, Debug)]
pub struct JwkSet(Arc<[(String, VerifyingKey)]>);

/// More keys than any issuer has.
const MAX_KEYS: usize = 100;
/// RSA also works with fewer bits, but they are not secure (NIST SP 800-131A).
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

type Problem = String;

impl JwkSet {
    /// Parses a JWK set (RFC 7517): Ed25519, P-256, P-384, and RSA of 2048 to 4096 bits for RS256
    /// or PS256.
    ///
    /// Keys for encryption or for other algorithms are skipped.
    ///
    /// # Errors
    /// If the text is not a JWK set; if a key has no name, has the name of another one, or is weak;
    /// if it is a secret or a private key, which must not be published; if no key remains.
    pub fn from_jwks(text: &str) -> Result<Self, ConfigError> {
        let refuse = |problem: &'static str| Err(ConfigError::new("jwt.jwks", problem));
        let Ok(set) = json::members(text.as_bytes()) else {
            return refuse("is not a JSON object without duplicate members");
        };
        let Some(Value::Array(listed)) = set.get("keys") else { return refuse("has no list of `keys`") };
        if listed.len() > MAX_KEYS {
            return refuse("has more than 100 keys");
        }
        let mut keys: Vec<(String, VerifyingKey)> = Vec::new();
        for (place, jwk) in listed.iter().enumerate() {
            let problem =
                |problem: Problem| ConfigError::new("jwt.jwks", format!("has an invalid key {}: {problem}", place + 1));
            let Value::Object(jwk) = jwk else { return Err(problem("not an object".to_owned())) };
            let Some((kid, key)) = named_key(jwk).map_err(problem)? else { continue };
            if keys.iter().any(|(known, _)| *known == kid) {
                return Err(problem(format!("the name {kid:?} occurs twice")));
            }
            keys.push((kid, key));
        }
        if keys.is_empty() {
            return refuse("has no key for EdDSA, ES256, ES384, RS256 or PS256");
        }
        Ok(Self(keys.into()))
    }

    /// A secret that is shared with the issuer, for HS256.
    ///
    /// # Errors
    /// If the name is empty or longer than 128 bytes; if the secret is shorter than 32 bytes,
    /// longer than 1024 bytes, printable text, visibly not random, or published.
    pub fn hs256(kid: &str, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        if let Some(problem) = Key::weakness(secret) {
            return Err(ConfigError::new("jwt.key", problem));
        }
        let kid = name(Some(kid)).map_err(|problem| ConfigError::new("jwt.kid", problem))?;
        let key = VerifyingKey::new(Algorithm::Hs256, DecodingKey::from_secret(secret));
        let key = key.ok_or_else(|| ConfigError::new("jwt.key", "is not a key for HS256"))?;
        Ok(Self([(kid, key)].into()))
    }

    /// Returns the key with exactly this name.
    pub(super) fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.0.iter().find(|(known, _)| known == kid).map(|(_, key)| key)
    }
}

fn named_key(jwk: &Map<String, Value>) -> Result<Option<(String, VerifyingKey)>, Problem> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    if text("kty") == Some("oct") || ["d", "p", "q", "k"].iter().any(|name| jwk.contains_key(*name)) {
        return Err("a secret or a private key; its publisher must replace it".to_owned());
    }
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return Ok(None);
    }
    let key = match (text("kty"), text("crv"), text("alg")) {
        (Some("OKP"), Some("Ed25519"), None | Some("EdDSA" | "Ed25519")) => ed25519(jwk)?,
        (Some("EC"), Some("P-256"), None | Some("ES256")) => ec(jwk, Algorithm::Es256, 32)?,
        (Some("EC"), Some("P-384"), None | Some("ES384")) => ec(jwk, Algorithm::Es384, 48)?,
        (Some("RSA"), _, None | Some("RS256")) => rsa(jwk, Algorithm::Rs256)?,
        (Some("RSA"), _, Some("PS256")) => rsa(jwk, Algorithm::Ps256)?,
        _ => return Ok(None),
    };
    Ok(Some((name(text("kid"))?, key)))
}

/// Accepts more than for own keys, because other issuers choose these names. They are only
/// compared, byte for byte.
fn name(kid: Option<&str>) -> Result<String, Problem> {
    match kid {
        Some(kid) if (1..=128).contains(&kid.len()) && kid.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(kid.to_owned())
        }
        Some(_) => Err("the name (`kid`) is not 1 to 128 visible ASCII characters".to_owned()),
        None => Err("the name (`kid`) is missing".to_owned()),
    }
}

fn ed25519(jwk: &Map<String, Value>) -> Result<VerifyingKey, Problem> {
    let x: [u8; 32] = bytes(jwk, "x")?.try_into().map_err(|_| "`x` is not 32 bytes long".to_owned())?;
    let point =
        ed25519_dalek::VerifyingKey::from_bytes(&x).map_err(|_| "`x` is not a point of the curve".to_owned())?;
    if point.is_weak() {
        return Err("`x` is a weak point, for which anyone can forge signatures".to_owned());
    }
    verifying(Algorithm::Ed25519, DecodingKey::from_ed_der(&x))
}

fn ec(jwk: &Map<String, Value>, algorithm: Algorithm, length: usize) -> Result<VerifyingKey, Problem> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err(format!("the coordinates are not {length} bytes long"));
    }
    verifying(algorithm, DecodingKey::from_ec_der(&[&[4], &x[..], &y].concat()))
}

fn rsa(jwk: &Map<String, Value>, algorithm: Algorithm) -> Result<VerifyingKey, Problem> {
    let (modulus, exponent) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    if !RSA_BYTES.contains(&modulus.len()) || modulus[0] == 0 || modulus[modulus.len() - 1] % 2 == 0 {
        return Err("the modulus is not an odd number of 2048 to 4096 bits".to_owned());
    }
    if exponent != [1, 0, 1] {
        return Err("the exponent is not 65537".to_owned());
    }
    verifying(algorithm, DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn verifying(algorithm: Algorithm, key: DecodingKey) -> Result<VerifyingKey, Problem> {
    VerifyingKey::new(algorithm, key).ok_or_else(|| format!("not a key for {}", algorithm.name()))
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Problem> {
    let text = jwk.get(name).and_then(Value::as_str);
    let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).filter(|bytes| !bytes.is_empty());
    bytes.ok_or_else(|| format!("`{name}` is missing or not base64url"))
}
