use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Group, Parser, Subcommand};

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
    /// One server process over a shared tier; ends when its standard input does.
    Node(NodeArgs),
    /// Plays every fault under load. Exit code 0: all promises held; 1: one was broken; 2: it could not be checked.
    Run(RunArgs),
}

#[derive(Debug, Group)]
pub(crate) struct NodeArgs {
    /// Where the shared tier is; several are the seeds of a cluster.
    #[arg(long, required = true, num_args = 1..)]
    pub(crate) redis: Vec<String>,
    /// Says that these are sentinels, and what they call the master that they watch.
    #[arg(long)]
    pub(crate) sentinel_master: Option<String>,
    /// Under which name the sessions are kept there.
    #[arg(long, default_value = "checker")]
    pub(crate) namespace: String,
    /// Where to listen on this machine; 0 takes any free port.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// By how many milliseconds the node's clock is wrong, and after a slash by how many more in every other second:
    /// `-3000`, `0/50000`.
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    pub(crate) clock: ClockError,
    /// Breaks the store on purpose, to see whether the checker notices.
    #[arg(long, value_enum)]
    pub(crate) sabotage: Option<Mutation>,
}

#[derive(Debug, Group)]
pub(crate) struct RunArgs {
    /// What the clients' choices come from; printed, so that they can be repeated. Timing cannot.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How many clients each fault is played to.
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u16).range(3..=1000))]
    pub(crate) clients: u16,
    /// How many clients share a session. Without it, two clients in three share theirs with one other.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) per_session: Option<u16>,
    /// How wrong the clocks of the three nodes are, as in `node --clock`.
    #[arg(long, num_args = NODES, default_values = ["0", "3000", "-3000"], allow_hyphen_values = true)]
    pub(crate) clocks: Vec<ClockError>,
    /// For how long each fault is played, at least.
    #[arg(long, default_value_t = 55, conflicts_with = "short")]
    pub(crate) seconds: u64,
    /// Each fault once and as briefly as it can be: less than a minute in all.
    #[arg(long)]
    pub(crate) short: bool,
    /// Only these faults.
    #[arg(long, value_enum, num_args = 1..)]
    pub(crate) only: Vec<Fault>,
    /// Writes the results here too.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Breaks the store of every node on purpose, to see whether the checker notices.
    #[arg(long, value_enum)]
    pub(crate) sabotage: Option<Mutation>,
}

impl RunArgs {
    pub(crate) fn faults(&self) -> Vec<Fault> {
        if self.only.is_empty() { Fault::ALL.to_vec() } else { self.only.clone() }
    }

    /// How many faults are played beside each other. The short version mostly waits, for leases and timeouts.
    pub(crate) const fn at_once(&self) -> usize {
        if self.short { 4 } else { 1 }
    }

    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs(if self.short { 2 } else { self.seconds })
    }
}
