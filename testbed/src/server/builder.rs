//! The configuration of a server.

use super::{
    Server,
    config::{Account, Part, Settings, Tls},
    start,
};
use crate::Error;
use std::path::PathBuf;

/// Sets up a [`Server`].
///
/// Defaults: a free port, its own temporary directory, nothing persisted (`save ""`, `appendonly
/// no`), no memory limit, and a default user without password.
#[derive(Clone, Debug, Default)]
pub struct ServerBuilder {
    settings: Settings,
}

impl ServerBuilder {
    pub(crate) fn part(mut self, part: Part) -> Self {
        self.settings.part = part;
        self
    }

    /// Adds a directive, written as in `redis.conf`; it overrides what the builder wrote.
    pub fn config(mut self, directive: impl Into<String>) -> Self {
        self.settings.lines.push(directive.into());
        self
    }

    /// Sets the password of the default user (`requirepass`); [`Server::url`] then contains it.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.settings.password = Some(password.into());
        self
    }

    /// Adds an ACL user with a password and rules such as `~s:* +@read`.
    ///
    /// [`Server::url_of`] returns its URL. The name `testbed` is rejected, because every server has
    /// an account of that name for the testbed itself.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>, rules: impl Into<String>) -> Self {
        self.settings.accounts.push(Account { name: name.into(), password: password.into(), rules: rules.into() });
        self
    }

    /// Limits the memory in bytes, with an eviction policy such as `allkeys-lru` or `noeviction`.
    pub fn maxmemory(self, bytes: u64, policy: &str) -> Self {
        self.config(format!("maxmemory {bytes}")).config(format!("maxmemory-policy {policy}"))
    }

    /// Keeps an append-only file, so that acknowledged writes survive [`Server::restart`].
    pub fn persist(mut self) -> Self {
        self.settings.persist = true;
        self
    }

    /// Listens for TLS connections too, at [`Server::tls_url`]; needs a server that was built with
    /// TLS.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.settings.tls = Some(tls);
        self
    }

    /// Runs this program instead of the default one.
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.program = Some(path.into());
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`] without the program, [`Error::Setting`] for a setting that is not
    /// one word or one line, [`Error::NotStarted`] with the server's own log when it exits or does
    /// not answer within 20 s.
    pub async fn start(self) -> Result<Server, Error> {
        self.settings.check()?;
        start::on_a_free_port(self.settings).await
    }
}
