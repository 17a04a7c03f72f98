//! JWTs as the tokens of sessions.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sync::{Arc, ArcCell};
use crate::time::{Clock, SystemClock, Timestamp};

use super::claims::{Typ, Validation, Validity};
use super::compact::{Compact, encode};
use super::header::Header;
use super::keys::{ActiveKey, JwtKeys};
use super::{JwtError, json};

mod builder;

pub use builder::JwtCodecBuilder;

/// Makes the tokens of a layer signed JWTs: see [`Transport::jwt`](crate::Transport::jwt).
///
/// The session stays the authority: a JWT opens it for as long as the session lives, its secret is the present one,
/// and the JWT itself is valid. So a logout, a revocation and a login end a token at once, whatever its `exp` says. What the
/// JWT adds is that other services can check, with the [published keys](Self::jwks) and without asking, that we issued it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cloakroom::jwt::{JwtFormat, JwtKey, JwtKeys};
/// use cloakroom::{CookieConfig, OsRandom, SessionLayer, Sessions, TokenHeader, Transport};
///
/// # let key = JwtKey::generate("2026-03", &OsRandom)?;
/// // Read from your secrets: JwtKey::ed25519("2026-03", &std::fs::read_to_string("signing.pem")?)?
/// let format = JwtFormat::builder("shop", JwtKeys::new(key))
///     .issuer("https://shop.example")
///     .audience("https://shop.example")
///     .build()?;
/// let transport = Transport::either(CookieConfig::default(), TokenHeader::default()).jwt(format.clone())?;
/// let layer = SessionLayer::new(Sessions::in_memory()).transport(transport);
/// let published = format.jwks(); // at `/.well-known/jwks.json`
/// # drop((layer, published));
/// # Ok(())
/// # }
/// ```
///
/// | claim | what |
/// |---|---|
/// | `iss`, `aud` | as configured |
/// | `iat`, `nbf`, `exp` | when it was issued; until when it is valid |
/// | `sid` | names the session, as [`PublicId`](crate::PublicId) does; opens nothing |
/// | `jti` | names this token; opens nothing |
/// | `sub` | who is logged in, if [asked for](JwtCodecBuilder::with_subject) and at most 255 bytes long |
/// | `session` | tag and secret of the session: **whoever has the JWT has the session** |
///
/// Clones share their keys.
#[derive(Clone)]
pub struct JwtCodec(Arc<Inner>);

struct Inner {
    rules: Validation,
    keys: ArcCell<JwtKeys>,
    with_subject: bool,
}

/// What is said of a session to whom it belongs.
pub(crate) struct SessionClaims<'a> {
    /// The token of the session, as it is without a JWT around it.
    pub(crate) session: &'a str,
    /// Its public name.
    pub(crate) sid: String,
    pub(crate) subject: Option<&'a str>,
}

/// What a JWT of ours says.
pub(crate) struct VerifiedJwt {
    pub(crate) session: String,
    /// Half of its life is over, or its key signs no more: it should be issued again.
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
    /// Whether both are clones of one format.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A builder. `app` is 1 to 32 of `a-z`, `0-9` and `-`; the tokens' `typ` is `<app>-session+jwt`, so that no other
    /// JWT of the same issuer is taken for one (RFC 8725 §3.11).
    pub fn builder(app: &str, keys: JwtKeys) -> JwtCodecBuilder {
        JwtCodecBuilder::new(app, keys)
    }

    /// The document by which other services verify: the public halves of the keys that verify now (RFC 7517 §5). Never a
    /// secret of HMAC. Serve it as `application/jwk-set+json`, and let caches keep it for minutes, not days.
    #[must_use]
    pub fn jwks(&self) -> String {
        // Whether a retired key is still shown is all that depends on the time.
        self.0.keys.load().jwks(SystemClock::new().now())
    }

    /// Takes other keys, without a restart and without a lock for requests. See [`JwtKeys`].
    pub fn replace_keys(&self, keys: JwtKeys) {
        tracing::info!(?keys, "the keys of session JWTs are replaced");
        self.0.keys.store(Arc::new(keys));
    }
}

impl JwtCodec {
    /// What a JWT says, if it is one of ours and valid now.
    pub(crate) fn read(&self, text: &[u8], now: Timestamp) -> Result<VerifiedJwt, JwtError> {
        let rules = &self.0.rules;
        let compact = Compact::parse(text)?;
        let header = Header::parse(&compact.header)?;
        rules.admit(&header)?;
        let keys = self.0.keys.load();
        let ActiveKey { key, is_active } = keys.find(&header.kid, now)?;
        key.verify(&header, &compact)?;
        let mut claims = json::members(&compact.payload()?)?;
        let life = rules.check(&claims, now)?;
        let Some(Value::String(session)) = claims.remove("session") else { return Err(JwtError::Claims) };
        Ok(VerifiedJwt { session, is_outdated: !is_active || life.is_half_over(now) })
    }

    /// A JWT for a session that has `left` to live, and for how long it is valid. `None` only if signing fails.
    pub(crate) fn write(
        &self,
        contents: &SessionClaims<'_>,
        now: Timestamp,
        left: Duration,
    ) -> Option<(String, Duration)> {
        let life = left.as_secs().clamp(1, self.0.rules.longest_life);
        let issued = now.as_millis() / 1000;
        let jti = self.jti(contents, issued);
        let claims = Claims {
            iss: &self.0.rules.issuer,
            aud: &self.0.rules.audience,
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
        let typ = match &self.0.rules.typ {
            Typ::Exactly(typ) => typ.as_str(),
            Typ::Missing => "",
        };
        json!({ "alg": algorithm, "kid": kid, "typ": typ }).to_string().into_bytes()
    }

    /// Another one for every JWT, and for nobody a way back to the secret.
    fn jti(&self, contents: &SessionClaims<'_>, issued: u64) -> String {
        let digest = Sha256::new().chain_update(b"cloakroom/v1/jti").chain_update(issued.to_be_bytes());
        encode(&digest.chain_update(contents.session).finalize()[..16])
    }

    /// How long a JWT is at most, whichever keys come.
    pub(crate) fn longest(&self) -> usize {
        let rules = &self.0.rules;
        let (latest, subject) = (1 << 53, "x".repeat(MAX_NAME_LEN));
        let claims = Claims {
            iss: &rules.issuer,
            aud: &rules.audience,
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

/// Whether a name is at most 255 bytes long as JSON, so that a token has a length that is known.
fn is_short(name: &str) -> bool {
    json!(name).to_string().len() <= MAX_NAME_LEN + 2
}

const MAX_NAME_LEN: usize = 255;

impl Validity {
    fn is_half_over(self, now: Timestamp) -> bool {
        now.as_millis() / 1000 >= self.issued + (self.expires - self.issued) / 2
    }
}

impl fmt::Debug for JwtCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtFormat").field("rules", &self.0.rules).field("keys", &self.0.keys.load()).finish()
    }
}
