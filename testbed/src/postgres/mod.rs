//! One PostgreSQL server.

mod builder;
mod faults;
mod processes;
mod start;

pub use builder::PostgresBuilder;
pub(crate) use start::USER;

use crate::{Error, process::Process};
use parking_lot::Mutex;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tempfile::TempDir;

/// One `postgres` process and its children on a loopback port of their own, with an empty database.
///
/// The processes and their directory are removed when the value is dropped. PostgreSQL refuses to
/// run as root; if the caller is root, it runs as the user `postgres`, which the package creates.
/// A server that is frozen when its caller is killed stays frozen.
///
/// The programs come from the directory in the environment variable `CLOAKROOM_TESTBED_POSTGRES`,
/// else from the `PATH`, else from the newest version in `/usr/lib/postgresql`, where Debian
/// installs them.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    settings: Vec<String>,
    // Declared before the directory, so that the process has ended when the directory is removed.
    process: Mutex<Process>,
    directory: TempDir,
}

impl Postgres {
    /// Creates a database, starts a server with default settings on it, and waits until it answers.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::start`].
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// Sets up a server with more than the defaults.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
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
        format!("postgres://{USER}@127.0.0.1:{port}/postgres?sslmode=disable")
    }

    /// The time for which processors have worked for the server since it was last started, in all
    /// of its processes. On Linux only.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the server is not running, or the kernel does not count the time.
    pub fn processor_time(&self) -> Result<Duration, Error> {
        let process = self.process.lock();
        processes::processor_time(process.id())
    }

    /// The server's log since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        start::log(self.directory.path())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A frozen server cannot be shut down. If it has ended already, nothing is left to do.
        let _ended_already = self.thaw();
        // If killed, it would leak a shared memory segment.
        self.process.get_mut().end(start::SHUTDOWN, start::END_LIMIT);
    }
}
