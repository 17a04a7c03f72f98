//! The application's keys for JWTs, each with a state.

use std::sync::Arc;

use cloakroom::{ConfigError, Timestamp};
use serde_json::json;

use super::JwtError;
use super::header::is_kid;
use super::key::JwtKey;

/// The keys with which session tokens are signed and verified (OWASP ASVS 13.3.4).
///
/// | state | signs | verifies | published |
/// |---|---|---|---|
/// | active | yes | yes | yes |
/// | next | no | yes | yes |
/// | retired | no | until a date | until a date |
/// | revoked | no | no, from now on | no |
///
/// To replace a key: publish the new one as `next` on all nodes. When all verifying services have
/// fetched the document again, make it active, with the old one retired until the last of its
/// tokens has expired. Revoke a key that leaked: its tokens are refused from the next request on.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cloakroom::{OsRandom, Timestamp};
/// use cloakroom_jwt::{JwtKey, JwtKeys};
///
/// # let (new, old, coming) = (JwtKey::generate("2026-03", &OsRandom)?, JwtKey::generate("2026-02", &OsRandom)?, JwtKey::generate("2026-04", &OsRandom)?);
/// # let an_hour_from_now = Timestamp::MAX;
/// let keys = JwtKeys::new(new).next(coming)?.retired(old, an_hour_from_now)?.revoked("2026-01")?;
/// # drop(keys);
/// # Ok(())
/// # }
/// ```
///
/// Cheap to clone. `Debug` shows names, algorithms and states.
#[derive(Clone, Debug)]
pub struct JwtKeys {
    active: Arc<JwtKey>,
    others: Arc<[KeyState]>,
}

#[derive(Clone, Debug)]
enum KeyState {
    Next(Arc<JwtKey>),
    Retired(Arc<JwtKey>, Timestamp),
    Revoked(Arc<str>),
}

/// A key that verifies now, and whether it is the active one.
pub(super) struct ActiveKey<'a> {
    pub(super) key: &'a JwtKey,
    pub(super) is_active: bool,
}

impl JwtKeys {
    /// A set with one key, which signs and verifies.
    #[must_use]
    pub fn new(active: JwtKey) -> Self {
        Self { active: Arc::new(active), others: Arc::new([]) }
    }

    /// Adds a key that verifies already and will sign later.
    ///
    /// # Errors
    /// If its name or its secret is in the set already.
    pub fn next(self, key: JwtKey) -> Result<Self, ConfigError> {
        self.with_key(key, KeyState::Next)
    }

    /// Adds a key that no longer signs, but verifies until `until`.
    ///
    /// # Errors
    /// If its name or its secret is in the set already.
    pub fn retired(self, key: JwtKey, until: Timestamp) -> Result<Self, ConfigError> {
        self.with_key(key, |key| KeyState::Retired(key, until))
    }

    /// Refuses tokens of the key with this name as revoked, not merely as unknown. A key that is
    /// not in the set is refused too.
    ///
    /// # Errors
    /// If the name is that of another key in the set, or not valid for a key.
    pub fn revoked(self, kid: &str) -> Result<Self, ConfigError> {
        if !is_kid(kid) {
            return Err(ConfigError::new("jwt.kid", format!("is {kid:?}; use 1 to 64 letters, digits, `-` and `_`")));
        }
        self.with(kid, KeyState::Revoked(kid.into()))
    }

    fn with_key(self, key: JwtKey, state: impl FnOnce(Arc<JwtKey>) -> KeyState) -> Result<Self, ConfigError> {
        if let Some(same) = self.keys().find(|other| other.identity() == key.identity()) {
            let problem = format!("{} has the same secret as key {}; generate a new one", key.kid(), same.kid());
            return Err(ConfigError::new("jwt.key", problem));
        }
        let kid = key.kid().to_owned();
        self.with(&kid, state(Arc::new(key)))
    }

    fn with(self, kid: &str, other: KeyState) -> Result<Self, ConfigError> {
        if self.active.kid() == kid || self.others.iter().any(|known| known.kid() == kid) {
            return Err(ConfigError::new("jwt.kid", format!("{kid} occurs twice; give every key a name of its own")));
        }
        Ok(Self { active: self.active, others: self.others.iter().cloned().chain([other]).collect() })
    }

    fn keys(&self) -> impl Iterator<Item = &JwtKey> {
        std::iter::once(&*self.active).chain(self.others.iter().filter_map(KeyState::key))
    }

    pub(super) fn active(&self) -> &JwtKey {
        &self.active
    }

    /// Returns the key with exactly this name, if it verifies now.
    pub(super) fn find(&self, kid: &str, now: Timestamp) -> Result<ActiveKey<'_>, JwtError> {
        if self.active.kid() == kid {
            return Ok(ActiveKey { key: &self.active, is_active: true });
        }
        match self.others.iter().find(|other| other.kid() == kid) {
            Some(KeyState::Revoked(_)) => Err(JwtError::RevokedKey),
            Some(KeyState::Next(key)) => Ok(ActiveKey { key, is_active: false }),
            Some(KeyState::Retired(key, until)) if now < *until => Ok(ActiveKey { key, is_active: false }),
            Some(KeyState::Retired(..)) | None => Err(JwtError::UnknownKey),
        }
    }

    /// The public halves of all keys that verify now, as a JWK set.
    pub(super) fn jwks(&self, now: Timestamp) -> String {
        let published = self.keys().filter(|key| self.find(key.kid(), now).is_ok());
        let keys: Vec<_> = published.filter_map(JwtKey::jwk).collect();
        json!({ "keys": keys }).to_string()
    }
}

impl KeyState {
    fn kid(&self) -> &str {
        match self {
            Self::Next(key) | Self::Retired(key, _) => key.kid(),
            Self::Revoked(kid) => kid,
        }
    }

    fn key(&self) -> Option<&JwtKey> {
        match self {
            Self::Next(key) | Self::Retired(key, _) => Some(key),
            Self::Revoked(_) => None,
        }
    }
}
