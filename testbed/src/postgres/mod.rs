//! One PostgreSQL server.

mod start;

use crate::{Error, process::Process};
use std::net::{Ipv4Addr, SocketAddr};
use tempfile::TempDir;

/// One `postgres` process on its own loopback port, with an empty database and default settings.
///
/// The process and its directory are removed when the value is dropped. PostgreSQL refuses to run
/// as root; if the caller is root, it runs as the user `postgres`, which the package creates.
///
/// The programs come from the directory in the environment variable `CLOAKROOM_TESTBED_POSTGRES`,
/// else from the `PATH`, else from the newest version in `/usr/lib/postgresql`, where Debian
/// installs them.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    // Declared before the directory, so that the process has ended when the directory is removed.
    process: Process,
    _directory: TempDir,
}

impl Postgres {
    /// Creates a database, starts a server on it, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`] without the programs, or without the user that they are to run as;
    /// [`Error::NotStarted`] with the server's own log when it exits or is not ready within 30 s.
    pub async fn start() -> Result<Self, Error> {
        start::on_a_free_port().await
    }

    /// The address, for a [`Proxy`](crate::Proxy) in front of it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The URL of the database, for its superuser.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_through(self.port)
    }

    /// The URL of the database through `port`, which may be a proxy's.
    #[must_use]
    pub fn url_through(&self, port: u16) -> String {
        format!("postgres://{}@127.0.0.1:{port}/postgres?sslmode=disable", start::USER)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // If killed, it would leak a shared memory segment.
        self.process.end(start::SHUTDOWN, start::END_LIMIT);
    }
}
