use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Error;
use crate::args::RunArgs;
use crate::view::LISTENING;

const START_LIMIT: Duration = Duration::from_secs(20);

/// The shared tier of a node.
#[derive(Debug)]
pub(super) enum Tier {
    /// The URL of a server, or those of the seeds of a cluster.
    Redis(Vec<String>),
    /// The URLs of sentinels, and the name of the master that they monitor.
    Sentinels(Vec<String>, String),
    Postgres(String),
}

/// A server process, which ends with this value and with this process: its standard input is a
/// pipe.
#[derive(Debug)]
pub(super) struct Node {
    child: Child,
    address: SocketAddr,
}

impl Node {
    /// Starts the node with this index, with the arguments of the run.
    pub(super) async fn start(tier: Tier, namespace: &str, args: &RunArgs, index: usize) -> Result<Self, Error> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("node").arg("--namespace").arg(namespace);
        match tier {
            Tier::Redis(urls) => command.arg("--redis").args(urls),
            Tier::Sentinels(urls, master) => command.arg("--redis").args(urls).arg("--sentinel-master").arg(master),
            Tier::Postgres(url) => command.arg("--postgres").arg(url),
        };
        if let Some(clock) = args.clocks.get(index) {
            command.arg("--clock").arg(clock.to_string());
        }
        if let Some(name) = args.sabotage.and_then(|sabotage| sabotage.to_possible_value()) {
            command.arg("--sabotage").arg(name.get_name());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("the node has no output")?;
        let mut lines = BufReader::new(output).lines();
        let line = tokio::time::timeout(START_LIMIT, lines.next_line()).await??;
        let address = line.as_deref().and_then(|line| line.strip_prefix(LISTENING)?.parse().ok());
        let address = address.ok_or_else(|| format!("a node did not start; it printed {line:?}"))?;
        Ok(Self { child, address })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the process: its connections stay open, but it does not reply.
    pub(super) fn freeze(&self) -> Result<(), Error> {
        self.signal(Signal::STOP)
    }

    /// Resumes the process.
    pub(super) fn thaw(&self) -> Result<(), Error> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        // Without an id the process has ended, and its id may belong to another one.
        let id = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(kill_process(id.ok_or("a node has ended")?, signal)?)
    }
}
