//! A Prometheus server that scrapes the programs under test.

use crate::{Error, port, process::Process, program, wait::until};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};
use tempfile::TempDir;
use tokio::net::TcpStream;

const CONFIG: &str = "prometheus.yaml";
const RULES: &str = "rules.yaml";
const LOG: &str = "prometheus.log";
const PORT_TAKEN: &str = "address already in use";
const READY_LIMIT: Duration = Duration::from_secs(20);
const TRIES: usize = 8;

/// One `prometheus` process on a loopback port of its own. It scrapes its targets and evaluates its
/// rules four times a second.
#[derive(Debug)]
pub struct Prometheus {
    port: u16,
    // Declared before the directory, so that the process has ended when the directory is removed.
    _process: Process,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts a server that scrapes `/metrics` of these targets under the job `job`, with the text of
    /// a file of alert rules.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`] without the program; [`Error::NotStarted`] with its own log when it
    /// exits or does not accept connections within 20 s.
    pub async fn start(job: &str, targets: &[SocketAddr], rules: &str) -> Result<Self, Error> {
        let directory = TempDir::with_prefix("cloakroom-testbed-").map_err(Error::io("make a temporary directory"))?;
        let write = |name, text: &str| {
            fs::write(directory.path().join(name), text).map_err(Error::io("write the configuration of Prometheus"))
        };
        write(CONFIG, &configuration(job, targets))?;
        write(RULES, rules)?;
        let mut tried = 0;
        loop {
            tried += 1;
            let port = port::free()?;
            match launch(directory.path(), port).await {
                Ok(process) => return Ok(Self { port, _process: process, _directory: directory }),
                Err(Error::NotStarted { log, .. }) if tried < TRIES && log.contains(PORT_TAKEN) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The address of its HTTP API, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn configuration(job: &str, targets: &[SocketAddr]) -> String {
    let targets: Vec<_> = targets.iter().map(|target| format!("'{target}'")).collect();
    format!(
        "global:\n  scrape_interval: 250ms\n  scrape_timeout: 250ms\n  evaluation_interval: 250ms\n\
         rule_files: [{RULES}]\nscrape_configs:\n- job_name: {job}\n  static_configs:\n  - targets: [{}]\n",
        targets.join(", ")
    )
}

async fn launch(directory: &Path, port: u16) -> Result<Process, Error> {
    fs::write(directory.join(LOG), "").map_err(Error::io("empty the log of Prometheus"))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut command = program::prometheus()?;
    command.arg(format!("--config.file={CONFIG}"));
    command.arg(format!("--web.listen-address={address}"));
    command.args(["--storage.tsdb.path=data", "--storage.tsdb.retention.time=1h", "--log.level=warn"]);
    let mut process = Process::start(command, directory, &directory.join(LOG))?;
    let ready = until("Prometheus accepts connections", READY_LIMIT, || {
        let end = process.ended();
        async move {
            if end.is_some() {
                return Ok(end);
            }
            match TcpStream::connect(address).await {
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
