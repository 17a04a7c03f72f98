use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Group, Parser, Subcommand};

use crate::Error;
use crate::environment::NODES;
use crate::fault::Fault;
use crate::node::{ClockError, Mutation};

/// Checks Cloakroom over a shared tier, with real processes, servers and faults.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs one server process over a shared tier, until its standard input is closed.
    Node(NodeArgs),
    /// Injects every fault under load. Exit code 0: every guarantee held; 1: one was broken; 2: the
    /// check could not run.
    Run(RunArgs),
}

#[derive(Debug, Group)]
pub(crate) struct NodeArgs {
    /// URLs of Redis as the shared tier; several are the seeds of a cluster.
    #[arg(long, required_unless_present = "postgres", num_args = 1..)]
    pub(crate) redis: Vec<String>,
    /// URL of a PostgreSQL server as the shared tier.
    #[arg(long, conflicts_with = "redis")]
    pub(crate) postgres: Option<String>,
    /// Name of the monitored master; the URLs are then those of its sentinels.
    #[arg(long)]
    pub(crate) sentinel_master: Option<String>,
    /// Namespace of the sessions in the shared tier.
    #[arg(long, default_value = "checker")]
    pub(crate) namespace: String,
    /// Port to listen on, on the loopback interface; 0 takes any free port.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Clock error of the node in milliseconds, optionally followed by a slash and a further error
    /// that applies in every other second: `-3000`, `0/50000`.
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    pub(crate) clock: ClockError,
    /// Breaks the store on purpose, to test whether the checker notices.
    #[arg(long, value_enum)]
    pub(crate) sabotage: Option<Mutation>,
}

#[derive(Debug, Group)]
pub(crate) struct RunArgs {
    /// Seed of the clients' choices. Every run prints its seed, which repeats the choices but not
    /// their timing.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Number of clients for each fault.
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u16).range(3..=1000))]
    pub(crate) clients: u16,
    /// Number of clients that share a session. By default two clients in three share theirs with
    /// one other.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) per_session: Option<u16>,
    /// Clock errors of the three nodes, as in `node --clock`.
    #[arg(long, num_args = NODES, default_values = ["0", "3000", "-3000"], allow_hyphen_values = true)]
    pub(crate) clocks: Vec<ClockError>,
    /// Minimum time for each fault, in seconds.
    #[arg(long, default_value_t = 55, conflicts_with = "short")]
    pub(crate) seconds: u64,
    /// Injects each fault once and as briefly as possible, in less than a minute altogether.
    #[arg(long)]
    pub(crate) short: bool,
    /// Checks the nodes over PostgreSQL instead of Redis, with the faults of PostgreSQL.
    #[arg(long)]
    pub(crate) postgres: bool,
    /// Injects only these faults.
    #[arg(long, value_enum, num_args = 1..)]
    pub(crate) only: Vec<Fault>,
    /// Writes the results to this file too.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Breaks the store of every node on purpose, to test whether the checker notices.
    #[arg(long, value_enum)]
    pub(crate) sabotage: Option<Mutation>,
}

impl RunArgs {
    /// The faults to inject.
    ///
    /// # Errors
    /// If the shared tier of this run does not have one of them.
    pub(crate) fn faults(&self) -> Result<Vec<Fault>, Error> {
        let all: &[Fault] = if self.postgres { &Fault::OF_POSTGRES } else { &Fault::OF_REDIS };
        if let Some(fault) = self.only.iter().find(|fault| !all.contains(fault)) {
            let remedy = if self.postgres { "leave `--postgres` out" } else { "add `--postgres`" };
            return Err(format!("`{fault}` is a fault of another shared tier: {remedy}").into());
        }
        Ok(if self.only.is_empty() { all.to_vec() } else { self.only.clone() })
    }

    /// Number of faults that run in parallel. The short version mostly waits for leases and
    /// timeouts.
    pub(crate) const fn at_once(&self) -> usize {
        if self.short { 4 } else { 1 }
    }

    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs(if self.short { 2 } else { self.seconds })
    }
}
