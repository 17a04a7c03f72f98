//! Starts a PostgreSQL server on a new database.

use super::Postgres;
use crate::{Error, Tls, port, process::Process, program, wait::until};
use parking_lot::Mutex;
use rustix::process::Signal;
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// The database's superuser, and the system user if the caller is root.
pub(crate) const USER: &str = "postgres";
/// Disconnects all clients and exits at once, but releases the shared memory.
pub(super) const SHUTDOWN: Signal = Signal::QUIT;
pub(super) const END_LIMIT: Duration = Duration::from_secs(5);

/// For the start and for the end.
pub(super) const READY_LIMIT: Duration = Duration::from_secs(30);
const TRIES: usize = 8;
const DATA: &str = "data";
const LOG: &str = "server.log";
const READY: &str = "ready to accept connections";
const PORT_TAKEN: &str = "could not bind";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

pub(super) async fn on_a_free_port(mut settings: Vec<String>, tls: Option<Tls>) -> Result<Postgres, Error> {
    let directory = TempDir::with_prefix("cloakroom-testbed-").map_err(Error::io("make a temporary directory"))?;
    give_to_the_server(directory.path())?;
    make(directory.path()).await?;
    if let Some(tls) = tls {
        settings.extend(encrypt(directory.path(), &tls)?);
    }
    let mut tried = 0;
    loop {
        tried += 1;
        let port = port::free()?;
        match launch(directory.path(), port, &settings).await {
            Ok(process) => return Ok(Postgres { port, settings, process: Mutex::new(process), directory }),
            Err(Error::NotStarted { log, .. }) if tried < TRIES && log.contains(PORT_TAKEN) => {}
            Err(error) => return Err(error),
        }
    }
}

fn give_to_the_server(path: &Path) -> Result<(), Error> {
    if rustix::process::getuid().is_root() {
        let (user, group) = program::user(USER)?;
        chown(path, Some(user), Some(group)).map_err(Error::io("give files to the server"))?;
    }
    Ok(())
}

/// Writes the certificate and its key, and returns the settings that name them.
fn encrypt(directory: &Path, tls: &Tls) -> Result<[String; 3], Error> {
    for (name, text) in [(CERTIFICATE, &tls.certificate), (KEY, &tls.key)] {
        let path = directory.join(name);
        fs::write(&path, text).map_err(Error::io("write the server's certificate"))?;
        // The server refuses a key that others can read.
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).map_err(Error::io("protect the server's key"))?;
        give_to_the_server(&path)?;
    }
    // Relative to the directory of the database.
    Ok(["ssl=on".to_owned(), format!("ssl_cert_file=../{CERTIFICATE}"), format!("ssl_key_file=../{KEY}")])
}

/// Creates the files of the database.
async fn make(directory: &Path) -> Result<(), Error> {
    let mut command = command("initdb")?;
    // Nothing here has to survive a crash of the machine, so nothing has to be synced.
    command.args(["--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8", "--username", USER, "-D", DATA]);
    let mut process = Process::start(command, directory, &directory.join(LOG))?;
    let end = until("the database is made", READY_LIMIT, || {
        let end = process.ended().ok_or_else(|| Error::unexpected("it is still being made"));
        async move { end }
    });
    end.await?;
    match directory.join(DATA).join("PG_VERSION").exists() {
        true => Ok(()),
        false => Err(Error::NotStarted { port: 0, reason: "initdb failed".to_owned(), log: log(directory) }),
    }
}

/// Starts the program on a database that exists, and waits until it is ready.
pub(super) async fn launch(directory: &Path, port: u16, settings: &[String]) -> Result<Process, Error> {
    fs::write(directory.join(LOG), "").map_err(Error::io("empty the server's log"))?;
    let mut command = command("postgres")?;
    command.args(["-D", DATA, "-p", &port.to_string()]);
    command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200"]);
    settings.iter().for_each(|setting| {
        command.args(["-c", setting.as_str()]);
    });
    let mut process = Process::start(command, directory, &directory.join(LOG))?;
    let ready = until("PostgreSQL is ready", READY_LIMIT, || {
        let state = match (process.ended(), log(directory).contains(READY)) {
            (Some(end), _) => Ok(Some(end)),
            (None, true) => Ok(None),
            (None, false) => Err(Error::unexpected("it is still starting")),
        };
        async move { state }
    });
    match ready.await {
        Ok(None) => Ok(process),
        Ok(Some(reason)) => Err(Error::NotStarted { port, reason, log: log(directory) }),
        Err(error) => Err(Error::NotStarted { port, reason: error.to_string(), log: log(directory) }),
    }
}

fn command(name: &str) -> Result<Command, Error> {
    let user = rustix::process::getuid().is_root().then_some(USER);
    program::postgres(name, user, "QUIT")
}

pub(super) fn log(directory: &Path) -> String {
    fs::read_to_string(directory.join(LOG)).unwrap_or_else(|error| format!("(the log cannot be read: {error})"))
}
