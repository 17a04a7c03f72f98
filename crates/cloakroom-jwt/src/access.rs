//! Access tokens of another issuer, usually the application's identity provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use cloakroom::{Clock, ConfigError, SystemClock, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::claims::{Typ, Validation};
use super::compact::Compact;
use super::header::Header;
use super::jwks::JwkSet;
use super::{JwtError, json};

/// Verifies the access tokens of one issuer for one audience.
///
/// Verification takes a signature check, and often a query that depends on its result. Both are the
/// same for every request with the same token: [`verify_once`](Self::verify_once) does them once
/// per session.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cloakroom_jwt::{JwkSet, AccessTokenVerifier};
///
/// # let text = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]}"#;
/// // `text` is what your HTTP client got from the issuer's `jwks_uri`.
/// let tokens = AccessTokenVerifier::builder("https://id.example", "https://api.shop.example")
///     .build(JwkSet::from_jwks(text)?)?;
/// # drop(tokens);
/// # Ok(())
/// # }
/// ```
///
/// A token must have `typ` (by default `at+jwt`, RFC 9068), `kid`, `iss`, `aud`, `iat` and `exp`;
/// see the [crate](crate) for the other rules. The issuer is not asked whether it has revoked
/// a token, so use a short `exp`.
///
/// Clones share their keys.
#[derive(Clone)]
pub struct AccessTokenVerifier(Arc<Inner>);

struct Inner {
    validation: Validation,
    keys: ArcSwap<JwkSet>,
    clock: Arc<dyn Clock>,
}

/// An access token that was verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessToken<C> {
    /// The claims of the token, as far as `C` reads them.
    pub claims: C,
    /// The end of the token's validity: its `exp`.
    pub expires_at: Timestamp,
}

/// Configures [`AccessTokenVerifier`]. [`build`](Self::build) validates the settings together.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct AccessTokenVerifierBuilder {
    validation: Validation,
    clock: Arc<dyn Clock>,
}

impl AccessTokenVerifier {
    /// Returns a builder for the tokens of `issuer` for `audience`, which must equal `iss` and
    /// `aud` byte for byte.
    pub fn builder(issuer: &str, audience: &str) -> AccessTokenVerifierBuilder {
        let validation = Validation {
            typ: Typ::Exactly("at+jwt".to_owned()),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            leeway: 30,
            max_lifetime: 24 * 60 * 60,
        };
        AccessTokenVerifierBuilder { validation, clock: Arc::new(SystemClock::new()) }
    }

    /// Verifies a token, and reads its claims as a `C`.
    ///
    /// # Errors
    /// The reason why the token is invalid. Do not send clients more than 401 and
    /// `WWW-Authenticate: Bearer error="invalid_token"`.
    pub fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<AccessToken<C>, JwtError> {
        let validation = &self.0.validation;
        let compact = Compact::parse(token.as_bytes())?;
        let header = Header::parse(&compact.header)?;
        validation.admit(&header)?;
        let keys = self.0.keys.load();
        keys.find(&header.kid).ok_or(JwtError::UnknownKey)?.verify(&header, &compact)?;
        let claims = json::members(&compact.payload()?)?;
        let life = validation.check(&claims, self.0.clock.now())?;
        Ok(AccessToken {
            claims: serde_json::from_value(Value::Object(claims)).map_err(|_| JwtError::Claims)?,
            expires_at: Timestamp::from_millis(life.expires * 1000),
        })
    }

    /// Replaces the keys without a restart: tokens of a removed key are refused from now on.
    ///
    /// Values that were derived from such tokens before stay in sessions until the tokens' `exp`;
    /// see [`PrincipalSessions::invalidate`](cloakroom::PrincipalSessions::invalidate).
    pub fn replace_keys(&self, keys: JwkSet) {
        self.0.keys.store(Arc::new(keys));
    }
}

impl AccessTokenVerifierBuilder {
    /// Sets the required `typ` of the header, compared byte for byte. Default: `at+jwt`.
    ///
    /// Many issuers use `JWT`, even for tokens that are not access tokens: then only the audience
    /// distinguishes them.
    pub fn token_type(mut self, typ: &str) -> Self {
        self.validation.typ = Typ::Exactly(typ.to_owned());
        self
    }

    /// Accepts only tokens without a `typ`, for issuers that leave it out.
    pub fn without_token_type(mut self) -> Self {
        self.validation.typ = Typ::Missing;
        self
    }

    /// Sets the tolerated difference between the issuer's clock and this one. Default: 30 s. At
    /// most 60 s.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.validation.leeway = leeway.as_secs();
        self
    }

    /// Refuses tokens that are valid for longer than this. Default: 24 hours.
    pub const fn max_lifetime(mut self, longest: Duration) -> Self {
        self.validation.max_lifetime = longest.as_secs();
        self
    }

    /// Sets the clock that decides which tokens have expired. Default: [`SystemClock`]. For tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Validates the settings.
    ///
    /// # Errors
    /// Names the setting that cannot work, and the remedy.
    pub fn build(self, keys: JwkSet) -> Result<AccessTokenVerifier, ConfigError> {
        for (setting, name) in [("jwt.issuer", &self.validation.issuer), ("jwt.audience", &self.validation.audience)] {
            if name.is_empty() {
                return Err(ConfigError::new(setting, "is empty; use the value in the tokens"));
            }
        }
        if self.validation.leeway > 60 {
            return Err(ConfigError::new(
                "jwt.leeway",
                format!("is {} s and must be at most 60 s", self.validation.leeway),
            ));
        }
        if self.validation.max_lifetime == 0 {
            return Err(ConfigError::new("jwt.max_lifetime", "is less than a second, so no token would be valid"));
        }
        let keys = ArcSwap::new(Arc::new(keys));
        Ok(AccessTokenVerifier(Arc::new(Inner { validation: self.validation, keys, clock: self.clock })))
    }
}

impl fmt::Debug for AccessTokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokenVerifier")
            .field("rules", &self.0.validation)
            .field("keys", &self.0.keys.load())
            .finish()
    }
}
