//! The application's own keys for JWTs.

use std::fmt;

use cloakroom::{ConfigError, Key, RandomError, RandomSource};
use ed25519_dalek::SigningKey as Ed25519Key;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use jsonwebtoken::{DecodingKey, EncodingKey};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::JwtError;
use super::compact::{Compact, encode};
use super::header::{Header, is_kid};
use super::signature::{Algorithm, SigningKey, VerifyingKey, low_s};

/// A key that signs session tokens, with a name. It carries its algorithm, so that no token can
/// choose one.
///
/// | | for | make one with |
/// |---|---|---|
/// | [`ed25519`](Self::ed25519) | the usual case | `openssl genpkey -algorithm ed25519` |
/// | [`es256`](Self::es256) | services that cannot verify Ed25519 | `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` |
/// | [`hs256`](Self::hs256) | one service, which verifies its own tokens | `head -c 32 /dev/urandom` |
///
/// Never give two keys the same name, even one after the other. The secret is wiped from memory
/// when the last clone of the key is dropped; `Debug` shows only the name and the algorithm.
#[derive(Clone)]
pub struct JwtKey {
    kid: String,
    signing: SigningKey,
    verifying: VerifyingKey,
    /// The public half, with which others verify.
    public: Option<Value>,
}

impl JwtKey {
    /// An Ed25519 key (RFC 8037) from PKCS #8 in PEM.
    ///
    /// # Errors
    /// If the name is not 1 to 64 letters, digits, `-` and `_`; if the text is not such a key, or
    /// is a published one.
    pub fn ed25519(kid: &str, pem: &str) -> Result<Self, ConfigError> {
        let key = Ed25519Key::from_pkcs8_pem(pem).map_err(|_| not_a_key("an Ed25519 key", "ed25519"))?;
        Self::of_ed25519(kid, &key)
    }

    /// Generates an Ed25519 key.
    ///
    /// It is lost when the process ends, and the tokens that it signed become invalid.
    ///
    /// # Errors
    /// As [`ed25519`](Self::ed25519), and if `random` fails.
    pub fn generate(kid: &str, random: &dyn RandomSource) -> Result<Self, ConfigError> {
        let mut seed = Zeroizing::new([0; 32]);
        let dry = |error: RandomError| ConfigError::new("random", format!("failed ({error})"));
        random.fill(&mut *seed).map_err(dry)?;
        Self::of_ed25519(kid, &Ed25519Key::from_bytes(&seed))
    }

    fn of_ed25519(kid: &str, key: &Ed25519Key) -> Result<Self, ConfigError> {
        strong(&key.to_bytes())?;
        let der = key.to_pkcs8_der().map_err(|_| not_a_key("an Ed25519 key", "ed25519"))?;
        let public = key.verifying_key().to_bytes();
        Self::new(
            kid,
            Algorithm::Ed25519,
            (EncodingKey::from_ed_der(der.as_bytes()), DecodingKey::from_ed_der(&public)),
            Some(json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&public) })),
        )
    }

    /// A P-256 key (RFC 7518 §3.4) from PKCS #8 in PEM.
    ///
    /// # Errors
    /// As [`ed25519`](Self::ed25519).
    pub fn es256(kid: &str, pem: &str) -> Result<Self, ConfigError> {
        let no_key = || not_a_key("a P-256 key", "EC -pkeyopt ec_paramgen_curve:P-256");
        let key = SecretKey::from_pkcs8_pem(pem).map_err(|_| no_key())?;
        strong(&Zeroizing::new(key.to_bytes()))?;
        let der = key.to_pkcs8_der().map_err(|_| no_key())?;
        let point = key.public_key().to_encoded_point(false);
        let (Some(x), Some(y)) = (point.x(), point.y()) else { return Err(no_key()) };
        Self::new(
            kid,
            Algorithm::Es256,
            (EncodingKey::from_ec_der(der.as_bytes()), DecodingKey::from_ec_der(point.as_bytes())),
            Some(json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })),
        )
    }

    /// A secret for HMAC-SHA-256 (RFC 7518 §3.2).
    ///
    /// Anyone who can verify with it can also sign with it, so it is never published, and no other
    /// service can verify the tokens.
    ///
    /// # Errors
    /// If the name is not 1 to 64 letters, digits, `-` and `_`; if the secret is shorter than 32
    /// bytes, longer than 1024 bytes, printable text, visibly not random, or published.
    pub fn hs256(kid: &str, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        strong(secret)?;
        Self::new(kid, Algorithm::Hs256, (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret)), None)
    }

    fn new(
        kid: &str,
        algorithm: Algorithm,
        (private, public): (EncodingKey, DecodingKey),
        jwk: Option<Value>,
    ) -> Result<Self, ConfigError> {
        if !is_kid(kid) {
            return Err(ConfigError::new("jwt.kid", format!("is {kid:?}; use 1 to 64 letters, digits, `-` and `_`")));
        }
        let no_key = || ConfigError::new("jwt.key", format!("{kid} is not a key for {}", algorithm.name()));
        Ok(Self {
            kid: kid.to_owned(),
            signing: SigningKey::new(algorithm, private).ok_or_else(no_key)?,
            verifying: VerifyingKey::new(algorithm, public).ok_or_else(no_key)?,
            public: jwk,
        })
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm
    }

    /// Verifies that the token is signed with this key, in the one spelling that it produces.
    pub(super) fn verify(&self, header: &Header, compact: &Compact<'_>) -> Result<(), JwtError> {
        self.verifying.verify(header, compact)?;
        // The other spelling of the signature is equally valid, but never made by this key.
        if self.algorithm() == Algorithm::Es256 && !low_s::is_low(&compact.signature) {
            return Err(JwtError::Signature);
        }
        Ok(())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.signing.sign(message)
    }

    /// The public half, as a member of a JWK set (RFC 7517).
    pub(super) fn jwk(&self) -> Option<Value> {
        let mut jwk = self.public.clone()?;
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm().name());
        jwk["use"] = json!("sig");
        Some(jwk)
    }

    /// A digest that is equal for two keys with the same secret, whatever their names.
    pub(super) fn identity(&self) -> [u8; 32] {
        match &self.public {
            Some(jwk) => Sha256::digest(jwk["x"].as_str().unwrap_or_default()).into(),
            None => Sha256::digest(self.sign(b"cloakroom/v1/identity").unwrap_or_default()).into(),
        }
    }
}

fn strong(secret: &[u8]) -> Result<(), ConfigError> {
    Key::weakness(secret)
        .map_or(Ok(()), |problem| Err(ConfigError::new("jwt.key", format!("{problem}; generate a new one"))))
}

fn not_a_key(kind: &str, algorithm: &str) -> ConfigError {
    let problem = format!("is not {kind} as PKCS #8 in PEM; make one with `openssl genpkey -algorithm {algorithm}`");
    ConfigError::new("jwt.key", problem)
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwtKey({}, {})", self.kid, self.algorithm().name())
    }
}
