//! One PostgreSQL server.

mod start;

use crate::{Error, process::Process};
use std::net::{Ipv4Addr, SocketAddr};
use tempfile::TempDir;

/// One `postgres` process on a loopback port of its own, with an empty database and the package's own settings.
///
/// It ends when the value is dropped, and its directory goes with it. PostgreSQL refuses to run as
/// root; where the caller is root, it runs as the user `postgres`, whom the package makes.
///
/// The programs are those of the directory that the environment variable
/// `CLOAKROOM_TESTBED_POSTGRES` names, else those on the `PATH`, else the newest in
/// `/usr/lib/postgresql`, where Debian puts them.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    // Before the directory, so that nobody writes there any more when it is removed.
    process: Process,
    _directory: TempDir,
}

impl Postgres {
    /// Makes a database and starts a server on it, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`] without the programs, or without the user that they are to run as;
    /// [`Error::NotStarted`] with the server's own log when it ends or is not ready within 30 s.
    pub async fn start() -> Result<Self, Error> {
        start::on_a_free_port().await
    }

    /// The address, for a [`Proxy`](crate::Proxy) in front of it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// How to connect by way of `port`, which may be a proxy's.
    #[must_use]
    pub fn url_through(&self, port: u16) -> String {
        format!("postgres://{}@127.0.0.1:{port}/postgres?sslmode=disable", start::USER)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Killed outright, it would leave a piece of shared memory behind.
        self.process.end(start::SHUTDOWN, start::END_LIMIT);
    }
}
