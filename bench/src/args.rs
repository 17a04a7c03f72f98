use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::{memory, scale};

/// Measures what a session cache gains and what Cloakroom costs, against bare axum and other
/// libraries in the same run.
#[derive(Debug, Parser)]
#[command(version, about, subcommand_required = false)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Options of every part.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Options {
    /// Run with small sizes and no thresholds on time, to see that everything works.
    #[arg(long, global = true)]
    pub(crate) smoke: bool,
    /// Also write all figures to this file as JSON.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Show the figures of this earlier run, written with `--json`, beside the goals.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Replace the generated blocks of docs/benchmarks.md, docs/budgets.md, the charts in docs/charts and, after
    /// `all`, the block of README.md in this checkout; write the full tables and transcripts to
    /// bench/results.
    #[arg(long, global = true, value_name = "CHECKOUT", num_args = 0..=1, default_missing_value = ".")]
    pub(crate) write: Option<PathBuf>,
    /// The seed of every random choice.
    #[arg(long, global = true, default_value_t = 20_260_101)]
    pub(crate) seed: u64,
    /// The number of interleaved runs of which the median is reported.
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=999))]
    pub(crate) runs: u32,
    /// Run only the rows, targets or databases whose name contains this text.
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) only: Option<String>,
}

/// One kind of measurement.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Part {
    /// What a session cache saves, and what it costs, on PostgreSQL and SQLite.
    Gains,
    /// Nanoseconds and allocations per request over bare axum, for Cloakroom and other libraries.
    Overhead,
    /// Bytes per session, in use and packed, for Cloakroom and other libraries.
    Memory {
        /// Measure only this kind of session, in this process; by default each kind gets a process
        /// of its own.
        #[arg(long, value_parser = PossibleValuesParser::new(memory::kinds()))]
        kind: Option<String>,
        /// With `--kind`: create the sessions over twenty minutes of a manual clock instead of at
        /// once.
        #[arg(long, requires = "kind")]
        steady: bool,
    },
    /// Bytes per session in SQLite, PostgreSQL and Redis.
    StoreSize,
    /// 10 thousand to 10 million sessions: growth, and memory over generations.
    Scale {
        /// Run only this test, in this process; by default each test gets a process of its own.
        #[arg(long, value_parser = PossibleValuesParser::new(scale::TESTS.map(|(name, _)| name)))]
        test: Option<String>,
    },
    /// How long requests wait while a million sessions are created, packed, ended and evicted.
    Waits {
        /// Measure in this process, whose allocator has this name; by default each allocator that is
        /// installed gets a process of its own.
        #[arg(long)]
        allocator: Option<String>,
    },
    /// Throughput and latency over loopback HTTP, on one node and three, for Cloakroom and other
    /// libraries.
    Http,
    /// Black-box checks over HTTP of how session libraries behave.
    Correctness,
    /// Every part, each in a process of its own.
    All,
    /// The goals, from the figures of parts that were run one by one with `--json`.
    Goals {
        /// The files with the figures.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// A server under test, started by other parts; reads and writes JSON lines.
    #[command(hide = true)]
    TargetServer,
    /// A server of the `gains` part; reads and writes JSON lines.
    #[command(hide = true)]
    ShopServer,
    /// A load generator, started by other parts; reads and writes JSON lines.
    #[command(hide = true)]
    Load,
}

impl Part {
    /// Its name on the command line and in the markers of the documentation.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Gains => "gains",
            Self::Overhead => "overhead",
            Self::Memory { .. } => "memory",
            Self::StoreSize => "store-size",
            Self::Scale { .. } => "scale",
            Self::Waits { .. } => "waits",
            Self::Http => "http",
            Self::Correctness => "correctness",
            Self::All => "all",
            Self::Goals { .. } => "goals",
            Self::TargetServer => "target-server",
            Self::ShopServer => "shop-server",
            Self::Load => "load",
        }
    }
}

impl Options {
    /// Returns `full`, or `small` in a smoke run.
    pub(crate) const fn size(&self, full: usize, small: usize) -> usize {
        if self.smoke { small } else { full }
    }

    /// Returns whether `--only` selects this name.
    pub(crate) fn selects(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|text| name.contains(text.as_str()))
    }

    pub(crate) const fn runs(&self) -> u32 {
        if self.smoke { 1 } else { self.runs }
    }
}

pub(crate) fn parse() -> Result<Args, clap::Error> {
    Args::try_parse()
}
