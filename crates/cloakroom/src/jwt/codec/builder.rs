use std::time::Duration;

use crate::sync::{Arc, ArcCell};

use super::super::JwtConfigError;
use super::super::claims::{Typ, Validation};
use super::super::keys::JwtKeys;
use super::{Inner, JwtCodec, is_short};

const MAX_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);
const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// Configures a [`JwtCodec`]. [`build`](Self::build) checks everything together.
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

    /// Who issues the tokens: usually the address of the application. Needed.
    pub fn issuer(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// For whom the tokens are. Needed. Two layers with formats of their own want audiences of their own, or the tokens of
    /// the one are good for the other.
    pub fn audience(mut self, audience: &str) -> Self {
        audience.clone_into(&mut self.audience);
        self
    }

    /// For how long a token is valid. Default: one hour. 1 minute to 400 days.
    ///
    /// A client whose requests use its session gets a new one once half of this is over. One that is away for longer than
    /// the half may come back with a token that has expired, and is logged out: so take at least twice the
    /// idle timeout. On the other side, services that verify without asking learn of a logout only by the end of it.
    ///
    /// A token that says that it is valid for longer is refused. So who makes this shorter logs those out who have a token from
    /// before, also while only some of the nodes have the new setting.
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// By how much the clocks of the nodes may differ. Default: 30 s. At most 60 s.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Says in the tokens who is logged in, as `sub`. Default: not, because whoever reads the token reads it.
    pub const fn with_subject(mut self) -> Self {
        self.with_subject = true;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// Names the setting that cannot work, and what would.
    pub fn build(self) -> Result<JwtCodec, JwtConfigError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&self.app.len()) || !self.app.bytes().all(allowed) {
            let problem = format!("is {:?}; use 1 to 32 of a-z, 0-9 and `-`", self.app);
            return Err(JwtConfigError::new("app", problem));
        }
        named("issuer", &self.issuer)?;
        named("audience", &self.audience)?;
        let minute = Duration::from_secs(60);
        if !(minute..=MAX_LIFETIME).contains(&self.lifetime) {
            let problem = format!("is {:?} and must be between a minute and 400 days", self.lifetime);
            return Err(JwtConfigError::new("lifetime", problem));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(JwtConfigError::new("leeway", format!("is {:?} and may be 60 s at most", self.leeway)));
        }
        let rules = Validation {
            typ: Typ::Exactly(format!("{}-session+jwt", self.app)),
            issuer: self.issuer,
            audience: self.audience,
            leeway: self.leeway.as_secs(),
            longest_life: self.lifetime.as_secs(),
        };
        let keys = ArcCell::new(Arc::new(self.keys));
        Ok(JwtCodec(Arc::new(Inner { rules, keys, with_subject: self.with_subject })))
    }
}

fn named(setting: &'static str, name: &str) -> Result<(), JwtConfigError> {
    if name.is_empty() {
        return Err(JwtConfigError::new(setting, "is missing; give the address of the application"));
    }
    if !is_short(name) {
        return Err(JwtConfigError::new(setting, "is longer than 255 bytes"));
    }
    Ok(())
}
