//! Access tokens that somebody else issues, usually the application's identity provider.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::sync::{Arc, ArcCell};
use crate::time::{Clock, SystemClock, Timestamp};

use super::claims::{Typ, Validation};
use super::compact::Compact;
use super::header::Header;
use super::jwks::JwkSet;
use super::{JwtConfigError, JwtError, json};

/// Verifies access tokens of one issuer for one audience: that they are what they say, in time and for us.
///
/// Verifying takes a signature, and what follows from it often a query. Both are the same for every request with the same
/// token: [`Session::verified`](crate::Session::verified) does them once per session.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cloakroom::jwt::{AccessKeys, AccessTokens};
///
/// # let text = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]}"#;
/// // `text` is what your HTTP client got from the issuer's `jwks_uri`.
/// let tokens = AccessTokens::builder("https://id.example", "https://api.shop.example")
///     .build(AccessKeys::from_jwks(text)?)?;
/// # drop(tokens);
/// # Ok(())
/// # }
/// ```
///
/// Demanded are `typ` (by default `at+jwt`, RFC 9068), `kid`, `iss`, `aud`, `iat` and `exp`; for the rest see the
/// [module](crate::jwt). It does not ask the issuer whether it has revoked a token: keep `exp` near.
///
/// Clones share their keys.
#[derive(Clone)]
pub struct AccessTokenVerifier(Arc<Inner>);

struct Inner {
    rules: Validation,
    keys: ArcCell<JwkSet>,
    clock: Arc<dyn Clock>,
}

/// An access token that is in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessToken<C> {
    /// What it says, as far as it was asked for.
    pub claims: C,
    /// Until when it is valid: its `exp`.
    pub expires_at: Timestamp,
}

/// Configures [`AccessTokenVerifier`]. [`build`](Self::build) checks everything together.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct AccessTokenVerifierBuilder {
    rules: Validation,
    clock: Arc<dyn Clock>,
}

impl AccessTokenVerifier {
    /// A builder, with who issues the tokens and for whom they are, as `iss` and `aud` say it, byte for byte.
    pub fn builder(issuer: &str, audience: &str) -> AccessTokenVerifierBuilder {
        let rules = Validation {
            typ: Typ::Exactly("at+jwt".to_owned()),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            leeway: 30,
            longest_life: 24 * 60 * 60,
        };
        AccessTokenVerifierBuilder { rules, clock: Arc::new(SystemClock::new()) }
    }

    /// Reads a token, and its claims as a `C`.
    ///
    /// # Errors
    /// Why it is not believed. Tell clients no more than 401 and `WWW-Authenticate: Bearer error="invalid_token"`.
    pub fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<AccessToken<C>, JwtError> {
        let rules = &self.0.rules;
        let compact = Compact::parse(token.as_bytes())?;
        let header = Header::parse(&compact.header)?;
        rules.admit(&header)?;
        let keys = self.0.keys.load();
        keys.find(&header.kid).ok_or(JwtError::UnknownKey)?.verify(&header, &compact)?;
        let claims = json::members(&compact.payload()?)?;
        let life = rules.check(&claims, self.0.clock.now())?;
        Ok(AccessToken {
            claims: serde_json::from_value(Value::Object(claims)).map_err(|_| JwtError::Claims)?,
            expires_at: Timestamp::from_millis(life.expires * 1000),
        })
    }

    /// Takes other keys, without a restart: tokens of a key that left are refused from now on. What was derived from them
    /// before stays in sessions until their `exp`; see [`PrincipalSessions::invalidate`](crate::application::PrincipalSessions::invalidate).
    pub fn replace_keys(&self, keys: JwkSet) {
        self.0.keys.store(Arc::new(keys));
    }
}

impl AccessTokenVerifierBuilder {
    /// What the header's `typ` must be, byte for byte. Default: `at+jwt`. Many issuers say `JWT`, also of tokens that are
    /// no access tokens: then the audience is all that tells them apart.
    pub fn token_type(mut self, typ: &str) -> Self {
        self.rules.typ = Typ::Exactly(typ.to_owned());
        self
    }

    /// For issuers that leave `typ` out. A token that has one is refused.
    pub fn without_token_type(mut self) -> Self {
        self.rules.typ = Typ::Missing;
        self
    }

    /// By how much the issuer's clock may differ from ours. Default: 30 s. At most 60 s.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway.as_secs();
        self
    }

    /// Refuses tokens that are valid for longer than this. Default: 24 hours.
    pub const fn max_lifetime(mut self, longest: Duration) -> Self {
        self.rules.longest_life = longest.as_secs();
        self
    }

    /// The clock that decides what has expired. Default: [`SystemClock`]. For tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// Names the setting that cannot work, and what would.
    pub fn build(self, keys: JwkSet) -> Result<AccessTokenVerifier, JwtConfigError> {
        for (setting, name) in [("issuer", &self.rules.issuer), ("audience", &self.rules.audience)] {
            if name.is_empty() {
                return Err(JwtConfigError::new(setting, "is empty; give what the tokens say"));
            }
        }
        if self.rules.leeway > 60 {
            return Err(JwtConfigError::new("leeway", format!("is {} s and may be 60 s at most", self.rules.leeway)));
        }
        if self.rules.longest_life == 0 {
            return Err(JwtConfigError::new("longest_life", "is less than a second, so no token would be valid"));
        }
        let keys = ArcCell::new(Arc::new(keys));
        Ok(AccessTokenVerifier(Arc::new(Inner { rules: self.rules, keys, clock: self.clock })))
    }
}

impl fmt::Debug for AccessTokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokens").field("rules", &self.0.rules).field("keys", &self.0.keys.load()).finish()
    }
}
