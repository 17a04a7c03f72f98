//! Checks the guarantees of Cloakroom over a shared tier, with real processes, servers and faults.
//!
//! `cloakroom-checker run` starts everything; `cloakroom-checker node` is one of the processes that
//! it starts.

mod args;
mod client;
mod environment;
mod fault;
mod ledger;
mod loss;
mod node;
mod report;
mod scenario;
mod state;
mod view;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// A failure outside of what is checked.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match args::Args::parse().command {
        args::Command::Node(args) => node::serve(args).await.map(|()| ExitCode::SUCCESS),
        args::Command::Run(args) => scenario::run_until_signal(&args).await,
    };
    outcome.unwrap_or_else(|error| {
        // If even this cannot be written, nothing is left to do.
        let _ = writeln!(std::io::stderr(), "error: {error}");
        ExitCode::from(2)
    })
}
