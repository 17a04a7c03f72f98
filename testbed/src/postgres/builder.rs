//! The settings of a server.

use super::{Postgres, start};
use crate::Error;

/// Sets up a [`Postgres`].
///
/// Defaults: a free port, a temporary directory of its own, the settings of PostgreSQL, and 200
/// connections.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `start`"]
pub struct PostgresBuilder {
    settings: Vec<String>,
}

impl PostgresBuilder {
    /// Sets a parameter of `postgresql.conf`, on every start; the last value of a name applies.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push(format!("{name}={value}"));
        self
    }

    /// Creates a database, starts a server on it, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`] without the programs, or without the user that they are to run as;
    /// [`Error::NotStarted`] with the server's own log when it exits or is not ready within 30 s.
    pub async fn start(self) -> Result<Postgres, Error> {
        start::on_a_free_port(self.settings).await
    }
}
