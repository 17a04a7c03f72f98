//! The settings of a server.

use super::{Postgres, start};
use crate::{Error, Tls};

/// Sets up a [`Postgres`].
///
/// Defaults: a free port, a temporary directory of its own, the settings of PostgreSQL, and 200
/// connections, which are not encrypted.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `start`"]
pub struct PostgresBuilder {
    settings: Vec<String>,
    tls: Option<Tls>,
}

impl PostgresBuilder {
    /// Sets a parameter of `postgresql.conf`, on every start; the last value of a name applies.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push(format!("{name}={value}"));
        self
    }

    /// Counts the calls of every statement and adds up their times.
    ///
    /// The counters are in the view `pg_stat_statements`, which `CREATE EXTENSION
    /// pg_stat_statements` makes.
    pub fn statement_statistics(self) -> Self {
        self.setting("shared_preload_libraries", "pg_stat_statements")
    }

    /// Encrypts the connections of clients that ask for it. Clients need no certificate, whatever
    /// [`Tls::of_clients`] is.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Creates a database, starts a server on it, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`] without the programs, or without the user that they are to run as;
    /// [`Error::NotStarted`] with the server's own log when it exits or is not ready within 30 s.
    pub async fn start(self) -> Result<Postgres, Error> {
        start::on_a_free_port(self.settings, self.tls).await
    }
}
