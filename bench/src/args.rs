use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

/// Measures what Cloakroom costs, beside bare axum and its peers in the same run.
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
    /// Small sizes, a few seconds, no statement about speed: fails only if something does not work.
    #[arg(long, global = true)]
    pub(crate) smoke: bool,
    /// Also write the figures to this file, for machines.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Replace the generated block of this Markdown file by the newest figures.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// The seed of every random choice.
    #[arg(long, global = true, default_value_t = 20_260_101)]
    pub(crate) seed: u64,
    /// How many interleaved runs a median is taken from.
    #[arg(long, global = true, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=999))]
    pub(crate) runs: u32,
    /// Only rows whose name contains this text.
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) only: Option<String>,
}

/// One kind of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Part {
    /// Nanoseconds and allocations per request over bare axum.
    Overhead,
    /// Bytes per session, fresh and packed.
    Memory {
        /// Only this kind of visitor, in this process; without it, each kind gets a process of its own.
        #[arg(long)]
        visitor: Option<Visitor>,
        /// With `--visitor`: let them arrive over twenty minutes instead of at once.
        #[arg(long, requires = "visitor")]
        steady: bool,
    },
    /// Reads and updates among 10 thousand to 10 million sessions.
    Scale,
    /// Expiry under load, and memory over many generations of sessions.
    Expiry,
    /// Requests per second over loopback HTTP, beside bare axum and `tower-sessions`, on one node and three.
    Http,
    /// In what session libraries differ, as black-box checks beside `tower-sessions`.
    Correctness,
    /// One server of `http`, started by it; speaks JSON lines.
    #[command(hide = true)]
    HttpNode,
    /// The load of `http`, started by it; speaks JSON lines.
    #[command(hide = true)]
    HttpLoad,
    /// Everything, each part in a process of its own.
    All,
}

/// Who the sessions of a measurement belong to, and what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Visitor {
    /// Nobody is logged in; a cart of five items as a `BTreeMap<String, u32>`.
    Anonymous,
    /// The same, logged in, each as somebody else.
    LoggedIn,
    /// Nobody is logged in; a cart of five items as a `Vec<(u32, u32)>`.
    Compact,
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
        if self.smoke { 2 } else { self.runs }
    }
}

pub(crate) fn parse() -> Result<Args, clap::Error> {
    Args::try_parse()
}
