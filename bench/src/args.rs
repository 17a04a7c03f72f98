use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

/// Measures what a session cache gains and what Cloakroom costs, beside bare axum and its peers in the same run.
#[derive(Debug, Parser)]
#[command(version, about, subcommand_required = false)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// What holds for every part.
#[derive(Clone, Debug, Group)]
pub(crate) struct Options {
    /// Small sizes, no statement about speed: fails only if something does not work.
    #[arg(long, global = true)]
    pub(crate) smoke: bool,
    /// Also write the figures to this file, for machines.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Replace the generated blocks of docs/benchmarks.md, the charts in docs/charts and, after `all`, the
    /// headlines of README.md in this checkout.
    #[arg(long, global = true, value_name = "CHECKOUT", num_args = 0..=1, default_missing_value = ".")]
    pub(crate) write: Option<PathBuf>,
    /// The seed of every random choice.
    #[arg(long, global = true, default_value_t = 20_260_101)]
    pub(crate) seed: u64,
    /// How many interleaved runs a median is taken from.
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=999))]
    pub(crate) runs: u32,
    /// Only rows whose name contains this text.
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) only: Option<String>,
}

/// One kind of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Part {
    /// What a session cache saves, and what it costs: the claims of the seed document on PostgreSQL and SQLite.
    Gains,
    /// Nanoseconds and allocations per request over bare axum, also of the peers.
    Overhead,
    /// Bytes per session, fresh and packed, also of the peers.
    Memory {
        /// Only these sessions, in this process; without it, each kind gets a process of its own.
        #[arg(long)]
        of: Option<Kept>,
        /// With `--of`: let them arrive over twenty minutes instead of at once.
        #[arg(long, requires = "of")]
        steady: bool,
    },
    /// 10 thousand to 10 million sessions: growth, churn, expiry, generations.
    Scale {
        /// Only this stage, in this process; without it, each gets a process of its own.
        #[arg(long)]
        stage: Option<Stage>,
    },
    /// End to end over loopback HTTP, at saturation and at a fixed rate, on one node and three, beside the peers.
    Http,
    /// In what session libraries differ, as black-box checks over HTTP.
    Correctness,
    /// Everything, each part in a process of its own.
    All,
    /// A server under test, started by the parts; speaks JSON lines.
    #[command(hide = true)]
    Node,
    /// The same with a database, started by `gains`.
    #[command(hide = true)]
    Shop,
    /// A load, started by the parts; speaks JSON lines.
    #[command(hide = true)]
    Load,
}

/// Whose memory is measured, and what is in the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kept {
    /// Nobody is logged in; a cart of five items as a `BTreeMap<String, u32>`.
    Anonymous,
    /// The same, logged in, each as somebody else.
    LoggedIn,
    /// Nobody is logged in; a cart of five items as a `Vec<(u32, u32)>`.
    Compact,
    /// The guide's cart in `tower-sessions`, memory store.
    TowerMemory,
    /// The guide's cart in `tower-sessions`, moka store.
    TowerMoka,
    /// The guide's cart in `axum_session`, without a database.
    AxumMemory,
    /// The guide's cart in a `RwLock<HashMap>`.
    Map,
}

/// What is looked at as sessions become many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    /// Time per request and bytes per session, from 10 thousand to 10 million.
    Growth,
    /// Requests while sessions come and go.
    Churn,
    /// Requests while a million sessions are packed and expire.
    Expiry,
    /// Memory over ten generations.
    Generations,
}

impl Part {
    /// Its name on the command line, and of its block in the documentation.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gains => "gains",
            Self::Overhead => "overhead",
            Self::Memory { .. } => "memory",
            Self::Scale { .. } => "scale",
            Self::Http => "http",
            Self::Correctness => "correctness",
            Self::All => "all",
            Self::Node => "node",
            Self::Shop => "shop",
            Self::Load => "load",
        }
    }
}

impl Options {
    /// `full`, or `small` in a smoke run.
    pub(crate) const fn size(&self, full: usize, small: usize) -> usize {
        if self.smoke { small } else { full }
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|text| name.contains(text.as_str()))
    }

    pub(crate) const fn runs(&self) -> u32 {
        if self.smoke { 1 } else { self.runs }
    }
}

pub(crate) fn parse() -> Result<Args, clap::Error> {
    Args::try_parse()
}
