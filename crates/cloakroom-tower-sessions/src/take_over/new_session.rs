use std::fmt;

use cloakroom::{Login, SessionValue};
use serde_json::Value;

use crate::Data;
use crate::value_key::{to_stored, value_key};

/// The session that continues an old one.
///
/// It gets the lifetimes of a new session, from the take-over on. To let it end when the old one
/// would have ended, give the login a [lifetime](Login::remember).
#[derive(Clone, Default)]
#[must_use]
pub struct NewSession {
    values: Vec<(String, Value)>,
    login: Option<Login>,
}

impl NewSession {
    /// An anonymous session without values.
    pub const fn new() -> Self {
        Self { values: Vec::new(), login: None }
    }

    /// A session with this data for code that uses `tower_sessions::Session`, under
    /// [`TowerSessionsLayer`](crate::TowerSessionsLayer).
    pub fn with_data(data: &Data) -> Self {
        let values = data.iter().map(|(key, value)| (value_key(key), to_stored(key, value)));
        Self { values: values.collect(), login: None }
    }

    /// Adds a value for handlers that use `cloakroom::Session`. For state only, not for cached
    /// values, which the next request loads anyway.
    ///
    /// # Errors
    /// If the value cannot be encoded as JSON.
    pub fn value<T: SessionValue>(mut self, value: &T) -> Result<Self, serde_json::Error> {
        self.values.push((T::KEY.to_owned(), serde_json::to_value(value)?));
        Ok(self)
    }

    /// Logs the session in. It keeps its values.
    pub fn login(mut self, login: impl Into<Login>) -> Self {
        self.login = Some(login.into());
        self
    }

    /// Returns the values, and the login with all of their names to keep.
    pub(super) fn into_parts(self) -> (Vec<(String, Value)>, Option<Login>) {
        let mut names: Vec<_> = self.values.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        let login = self.login.map(|login| names.into_iter().fold(login, Login::keep_named));
        (self.values, login)
    }
}

/// Omits the values and the principal.
impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession").finish_non_exhaustive()
    }
}
