//! JWTs as session tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use cloakroom::{Clock, SystemClock, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::claims::{Typ, Validation, Validity};
use super::compact::{Compact, encode};
use super::header::Header;
use super::keys::{ActiveKey, JwtKeys};
use super::{JwtError, json};

mod builder;

pub use builder::JwtCodecBuilder;

/// Makes the tokens of a layer signed JWTs: see [`Transport::codec`](cloakroom::Transport::codec).
///
/// The session remains the authority: a JWT opens it only while the session lives, its secret is
/// the current one, and the JWT itself is valid. A logout, a revocation and a login therefore
/// invalidate a token at once, whatever its `exp`. The JWT adds that other services can verify,
/// with the [published keys](Self::jwks) and without a request, that this application issued it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cloakroom::{CookieConfig, OsRandom, SessionLayer, Sessions, TokenHeader, Transport};
/// use cloakroom_jwt::{JwtCodec, JwtKey, JwtKeys};
///
/// # let key = JwtKey::generate("2026-03", &OsRandom)?;
/// // Read from your secrets: JwtKey::ed25519("2026-03", &std::fs::read_to_string("signing.pem")?)?
/// let codec = JwtCodec::builder("shop", JwtKeys::new(key))
///     .issuer("https://shop.example")
///     .audience("https://shop.example")
///     .build()?;
/// let transport = Transport::either(CookieConfig::default(), TokenHeader::default()).codec(codec.clone())?;
/// let layer = SessionLayer::new(Sessions::in_memory()).transport(transport);
/// let published = codec.jwks(); // at `/.well-known/jwks.json`
/// # drop((layer, published));
/// # Ok(())
/// # }
/// ```
///
/// | claim | content |
/// |---|---|
/// | `iss`, `aud` | as configured |
/// | `iat`, `nbf`, `exp` | the time of issue; the end of validity |
/// | `sid` | identifies the session, as [`PublicId`](cloakroom::PublicId) does; gives no access |
/// | `jti` | identifies this token; gives no access |
/// | `sub` | the logged-in principal, if [enabled](JwtCodecBuilder::with_subject) and at most 255 bytes long |
/// | `session` | selector and secret of the session: **anyone who has the JWT has access to the session** |
///
/// Clones share their keys.
#[derive(Clone)]
pub struct JwtCodec(Arc<Inner>);

struct Inner {
    validation: Validation,
    keys: ArcSwap<JwtKeys>,
    with_subject: bool,
}

/// The claims that describe a session to its client.
pub(crate) struct SessionClaims<'a> {
    /// The plain token of the session.
    pub(crate) session: &'a str,
    /// The public id of the session.
    pub(crate) sid: String,
    pub(crate) subject: Option<&'a str>,
}

/// The content of a verified session JWT.
pub(crate) struct VerifiedJwt {
    pub(crate) session: String,
    /// `true` if the token should be reissued: half of its validity is over, or its key no longer
    /// signs.
    pub(crate) is_outdated: bool,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    nbf: u64,
    exp: u64,
    sid: &'a str,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    session: &'a str,
}

impl JwtCodec {
    /// Returns a builder for the application named `app`: 1 to 32 of `a-z`, `0-9` and `-`.
    ///
    /// The tokens' `typ` is `<app>-session+jwt`, so that no other JWT of the same issuer is
    /// accepted as a session token (RFC 8725 §3.11).
    pub fn builder(app: &str, keys: JwtKeys) -> JwtCodecBuilder {
        JwtCodecBuilder::new(app, keys)
    }

    /// Returns the JWK set with which other services verify: the public halves of all keys that
    /// verify now (RFC 7517 §5).
    ///
    /// It never contains an HMAC secret. Serve it as `application/jwk-set+json`, and let caches
    /// keep it for minutes, not days.
    #[must_use]
    pub fn jwks(&self) -> String {
        // The time decides only whether a retired key is still listed.
        self.0.keys.load().jwks(SystemClock::new().now())
    }

    /// Replaces the keys, without a restart and without a lock for requests. See [`JwtKeys`].
    pub fn replace_keys(&self, keys: JwtKeys) {
        tracing::info!(?keys, "the keys of session JWTs were replaced");
        self.0.keys.store(Arc::new(keys));
    }
}

impl JwtCodec {
    /// Verifies a session JWT and returns its content.
    pub(crate) fn read(&self, text: &[u8], now: Timestamp) -> Result<VerifiedJwt, JwtError> {
        let validation = &self.0.validation;
        let compact = Compact::parse(text)?;
        let header = Header::parse(&compact.header)?;
        validation.admit(&header)?;
        let keys = self.0.keys.load();
        let ActiveKey { key, is_active } = keys.find(&header.kid, now)?;
        key.verify(&header, &compact)?;
        let mut claims = json::members(&compact.payload()?)?;
        let life = validation.check(&claims, now)?;
        let Some(Value::String(session)) = claims.remove("session") else { return Err(JwtError::Claims) };
        Ok(VerifiedJwt { session, is_outdated: !is_active || life.is_half_over(now) })
    }

    /// Makes a JWT for a session that has `left` to live, and returns how long it is valid. `None`
    /// only if signing fails.
    pub(crate) fn write(
        &self,
        contents: &SessionClaims<'_>,
        now: Timestamp,
        left: Duration,
    ) -> Option<(String, Duration)> {
        let life = left.as_secs().clamp(1, self.0.validation.max_lifetime);
        let issued = now.as_millis() / 1000;
        let jti = self.jti(contents, issued);
        let claims = Claims {
            iss: &self.0.validation.issuer,
            aud: &self.0.validation.audience,
            iat: issued,
            nbf: issued,
            exp: issued + life,
            sid: &contents.sid,
            jti: &jti,
            sub: contents.subject.filter(|subject| self.0.with_subject && is_short(subject)),
            session: contents.session,
        };
        let keys = self.0.keys.load();
        let key = keys.active();
        let message = message(&self.header(key.algorithm().name(), key.kid()), &serde_json::to_vec(&claims).ok()?);
        let signature = key.sign(message.as_bytes())?;
        Some((format!("{message}.{}", encode(&signature)), Duration::from_secs(life)))
    }

    fn header(&self, algorithm: &str, kid: &str) -> Vec<u8> {
        let typ = match &self.0.validation.typ {
            Typ::Exactly(typ) => typ.as_str(),
            Typ::Missing => "",
        };
        json!({ "alg": algorithm, "kid": kid, "typ": typ }).to_string().into_bytes()
    }

    /// A different id for every JWT, which does not reveal the secret.
    fn jti(&self, contents: &SessionClaims<'_>, issued: u64) -> String {
        let digest = Sha256::new().chain_update(b"cloakroom/v1/jti").chain_update(issued.to_be_bytes());
        encode(&digest.chain_update(contents.session).finalize()[..16])
    }

    /// The maximum length of a JWT, whatever the keys are.
    pub(crate) fn longest(&self) -> usize {
        let validation = &self.0.validation;
        let (latest, subject) = (1 << 53, "x".repeat(MAX_NAME_LEN));
        let claims = Claims {
            iss: &validation.issuer,
            aud: &validation.audience,
            iat: latest,
            nbf: latest,
            exp: latest,
            sid: &"x".repeat(32),
            jti: &"x".repeat(22),
            sub: self.0.with_subject.then_some(&subject),
            session: &"x".repeat(58),
        };
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        // The longest signature has 64 bytes, which makes 86 characters.
        message(&self.header("EdDSA", &"x".repeat(64)), &claims).len() + 1 + 86
    }
}

fn message(header: &[u8], claims: &[u8]) -> String {
    format!("{}.{}", encode(header), encode(claims))
}

/// Returns `true` if a name is at most 255 bytes long as JSON, so that the length of a token is
/// bounded.
fn is_short(name: &str) -> bool {
    json!(name).to_string().len() <= MAX_NAME_LEN + 2
}

const MAX_NAME_LEN: usize = 255;

impl Validity {
    fn is_half_over(self, now: Timestamp) -> bool {
        now.as_millis() / 1000 >= self.issued + (self.expires - self.issued) / 2
    }
}

/// Clones of one codec are equal. Others are not, even with the same settings, because their keys
/// are replaced one by one.
impl PartialEq for JwtCodec {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for JwtCodec {}

impl fmt::Debug for JwtCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtCodec").field("rules", &self.0.validation).field("keys", &self.0.keys.load()).finish()
    }
}
