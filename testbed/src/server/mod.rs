//! One server process.

mod ask;
mod builder;
mod config;
mod faults;
mod start;
mod url;

pub use builder::ServerBuilder;
pub(crate) use config::Part;
pub use config::Tls;

use crate::{Error, process::Process};
use config::Settings;
use parking_lot::Mutex;
use std::net::{Ipv4Addr, SocketAddr};
use tempfile::TempDir;

/// One `redis-server` process on a loopback port of its own.
///
/// The process and its directory are removed when the value is dropped. All methods take `&self`,
/// so that tests can share one server through an `Arc` or a static.
///
/// The testbed connects as a user of its own, named `testbed`, whatever the default user may do.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    port: u16,
    tls_port: u16,
    // Declared before the directory, so that the process has ended when the directory is removed.
    process: Mutex<Process>,
    directory: TempDir,
}

impl Server {
    /// Starts a server with the defaults of [`ServerBuilder`].
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`].
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// Sets up a server with more than the defaults.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The port; [`restart`](Self::restart) keeps it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, for a [`Proxy`](crate::Proxy) in front of it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The process id, which changes on [`restart`](Self::restart).
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.lock().id()
    }

    /// Returns `true` until the process has ended; a frozen server is still running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.lock().ended().is_none()
    }

    /// The server's log since it was first started.
    #[must_use]
    pub fn log(&self) -> String {
        start::log(self.directory.path())
    }
}
