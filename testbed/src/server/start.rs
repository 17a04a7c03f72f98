//! Starts a server from its settings.

use super::{
    Server,
    config::{Part, Ports, Settings},
};
use crate::{Error, admin, port, process::Process, program, wait::until};
use parking_lot::Mutex;
use std::{fs, path::Path, time::Duration};
use tempfile::TempDir;

/// Generous, because a busy machine with two cores may start ten servers at once.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// Attempts, as another process may take the chosen port first.
const TRIES: usize = 8;
const CONFIG: &str = "server.conf";
const LOG: &str = "server.log";

pub(crate) async fn on_a_free_port(settings: Settings) -> Result<Server, Error> {
    let mut tried = 0;
    loop {
        tried += 1;
        match attempt(settings.clone()).await {
            Err(error) if tried < TRIES && port_was_taken(&error) => {}
            outcome => return outcome,
        }
    }
}

async fn attempt(settings: Settings) -> Result<Server, Error> {
    let directory = TempDir::with_prefix("cloakroom-testbed-").map_err(Error::io("make a temporary directory"))?;
    let ports = Ports { plain: port::free()?, bus: port::free()?, tls: port::free()? };
    let file = settings.file(ports);
    for (name, text) in [(CONFIG, file.as_str())].into_iter().chain(settings.files()) {
        fs::write(directory.path().join(name), text).map_err(Error::io("write the server's configuration"))?;
    }
    let process = launch(&settings, directory.path())?;
    let Ports { plain: port, tls: tls_port, .. } = ports;
    let server = Server { settings, port, tls_port, process: Mutex::new(process), directory };
    ready(&server).await?;
    Ok(server)
}

/// Starts the program in a directory that already has its configuration.
pub(crate) fn launch(settings: &Settings, directory: &Path) -> Result<Process, Error> {
    let mut command = program::server(settings.program.as_deref())?;
    command.arg(CONFIG);
    if settings.part == Part::Sentinel {
        command.arg("--sentinel");
    }
    Process::start(command, directory, &directory.join(LOG))
}

/// Waits until the server answers, or has ended.
pub(crate) async fn ready(server: &Server) -> Result<(), Error> {
    let pid = server.pid();
    let look = || async move {
        if let Some(end) = server.process.lock().ended() {
            return Ok(Some(end));
        }
        admin::ask(server.port, &redis::cmd("PING")).await?;
        // Another process that took the port before this server would answer the PING as well.
        match server.info("server").await?.get("process_id") {
            Some(found) if *found == pid.to_string() => Ok(None),
            other => Err(Error::unexpected(format!("process {other:?} answers there instead of {pid}"))),
        }
    };
    let reason = match until("the server answers", READY_LIMIT, look).await {
        Ok(None) => return Ok(()),
        Ok(Some(end)) => end,
        Err(error) => error.to_string(),
    };
    Err(Error::NotStarted { port: server.port, reason, log: log(server.directory.path()) })
}

pub(crate) fn log(directory: &Path) -> String {
    fs::read_to_string(directory.join(LOG)).unwrap_or_else(|error| format!("(the log cannot be read: {error})"))
}

pub(crate) fn port_was_taken(error: &Error) -> bool {
    matches!(error, Error::NotStarted { log, .. } if log.contains("Address already in use"))
}
