use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use cloakroom::ConfigError;

use super::super::claims::{Typ, Validation};
use super::super::keys::JwtKeys;
use super::{Inner, JwtCodec, is_short};

const MAX_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);
const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// Configures a [`JwtCodec`]. [`build`](Self::build) validates the settings together.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct JwtCodecBuilder {
    app: String,
    keys: JwtKeys,
    issuer: String,
    audience: String,
    lifetime: Duration,
    leeway: Duration,
    with_subject: bool,
}

impl JwtCodecBuilder {
    pub(super) fn new(app: &str, keys: JwtKeys) -> Self {
        Self {
            app: app.to_owned(),
            keys,
            issuer: String::new(),
            audience: String::new(),
            lifetime: Duration::from_secs(60 * 60),
            leeway: Duration::from_secs(30),
            with_subject: false,
        }
    }

    /// Sets the issuer of the tokens: usually the address of the application. Required.
    pub fn issuer(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// Sets the audience of the tokens. Required.
    ///
    /// Two layers with separate codecs need separate audiences, or the tokens of one are valid for
    /// the other.
    pub fn audience(mut self, audience: &str) -> Self {
        audience.clone_into(&mut self.audience);
        self
    }

    /// Sets how long a token is valid. Default: one hour. 1 minute to 400 days.
    ///
    /// A client whose requests use its session receives a new token once half of this is over. A
    /// client that is away for longer than that half may return with an expired token and is then
    /// logged out, so use at least twice the idle timeout. On the other hand, services that verify
    /// offline learn of a logout only when the token expires.
    ///
    /// A token with a longer validity than this is refused. Shortening it therefore logs out users
    /// with older tokens, even while only some of the nodes have the new setting.
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the tolerated difference between the clocks of the nodes. Default: 30 s. At most 60 s.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Adds the logged-in principal to the tokens, as `sub`. Default: off, because everyone who has
    /// the token can read it.
    pub const fn with_subject(mut self) -> Self {
        self.with_subject = true;
        self
    }

    /// Validates the settings.
    ///
    /// # Errors
    /// Names the setting that cannot work, and the remedy.
    pub fn build(self) -> Result<JwtCodec, ConfigError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&self.app.len()) || !self.app.bytes().all(allowed) {
            let problem = format!("is {:?}; use 1 to 32 of a-z, 0-9 and `-`", self.app);
            return Err(ConfigError::new("jwt.app", problem));
        }
        named("jwt.issuer", &self.issuer)?;
        named("jwt.audience", &self.audience)?;
        let minute = Duration::from_secs(60);
        if !(minute..=MAX_LIFETIME).contains(&self.lifetime) {
            let problem = format!("is {:?} and must be between a minute and 400 days", self.lifetime);
            return Err(ConfigError::new("jwt.lifetime", problem));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(ConfigError::new("jwt.leeway", format!("is {:?} and must be at most 60 s", self.leeway)));
        }
        let validation = Validation {
            typ: Typ::Exactly(format!("{}-session+jwt", self.app)),
            issuer: self.issuer,
            audience: self.audience,
            leeway: self.leeway.as_secs(),
            max_lifetime: self.lifetime.as_secs(),
        };
        let keys = ArcSwap::new(Arc::new(self.keys));
        Ok(JwtCodec(Arc::new(Inner { validation, keys, with_subject: self.with_subject })))
    }
}

fn named(setting: &'static str, name: &str) -> Result<(), ConfigError> {
    if name.is_empty() {
        return Err(ConfigError::new(setting, "is missing; use the address of the application"));
    }
    if !is_short(name) {
        return Err(ConfigError::new(setting, "is longer than 255 bytes"));
    }
    Ok(())
}
