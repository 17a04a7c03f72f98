//! A connection pooler in front of a PostgreSQL server.

use crate::{Error, Postgres, port, postgres::USER, process::Process, program, wait::until};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::chown,
    path::Path,
    time::Duration,
};
use tempfile::TempDir;
use tokio::net::TcpStream;

const CONFIG: &str = "pgbouncer.ini";
const LOG: &str = "pgbouncer.log";
const PORT_TAKEN: &str = "Address already in use";
const READY_LIMIT: Duration = Duration::from_secs(10);
const TRIES: usize = 8;

/// One `pgbouncer` process in transaction mode on a loopback port of its own: each transaction of a
/// client may run on another connection to the server.
///
/// Every client is the server's superuser. PgBouncer refuses to run as root; if the caller is root,
/// it runs as the user `postgres`.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    // Declared before the directory, so that the process has ended when the directory is removed.
    _process: Process,
    _directory: TempDir,
}

impl PgBouncer {
    /// Starts a pooler in front of `server` that ignores these startup parameters of its clients
    /// (`ignore_startup_parameters`). It refuses others that it does not know.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`] without the program; [`Error::NotStarted`] with its own log when it
    /// exits or does not accept connections within 10 s.
    pub async fn start(server: &Postgres, ignored_parameters: &[&str]) -> Result<Self, Error> {
        let directory = TempDir::with_prefix("cloakroom-testbed-").map_err(Error::io("make a temporary directory"))?;
        let user = rustix::process::getuid().is_root().then_some(USER);
        if let Some(user) = user {
            let (user, group) = program::user(user)?;
            chown(directory.path(), Some(user), Some(group)).map_err(Error::io("give the directory to the pooler"))?;
        }
        let mut tried = 0;
        loop {
            tried += 1;
            let port = port::free()?;
            let text = configuration(port, server.address().port(), ignored_parameters);
            fs::write(directory.path().join(CONFIG), text).map_err(Error::io("write the pooler's configuration"))?;
            match launch(directory.path(), port, user).await {
                Ok(process) => return Ok(Self { port, _process: process, _directory: directory }),
                Err(Error::NotStarted { log, .. }) if tried < TRIES && log.contains(PORT_TAKEN) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The port, for [`Postgres::url_through`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn configuration(port: u16, server: u16, ignored_parameters: &[&str]) -> String {
    format!(
        "[databases]\n* = host=127.0.0.1 port={server} user={USER}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\nmax_client_conn = 500\n\
         ignore_startup_parameters = {}\n",
        ignored_parameters.join(",")
    )
}

async fn launch(directory: &Path, port: u16, user: Option<&str>) -> Result<Process, Error> {
    fs::write(directory.join(LOG), "").map_err(Error::io("empty the pooler's log"))?;
    let mut command = program::pgbouncer(user)?;
    command.arg(CONFIG);
    let mut process = Process::start(command, directory, &directory.join(LOG))?;
    let ready = until("PgBouncer accepts connections", READY_LIMIT, || {
        let end = process.ended();
        async move {
            if end.is_some() {
                return Ok(end);
            }
            match TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
                Ok(_) => Ok(None),
                Err(_) => Err(Error::unexpected("it is still starting")),
            }
        }
    });
    let reason = match ready.await {
        Ok(None) => return Ok(process),
        Ok(Some(end)) => end,
        Err(error) => error.to_string(),
    };
    let log = fs::read_to_string(directory.join(LOG));
    let log = log.unwrap_or_else(|error| format!("(the log cannot be read: {error})"));
    Err(Error::NotStarted { port, reason, log })
}
