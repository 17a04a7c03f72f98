//! Measures what Cloakroom costs, each claim beside bare axum in the same run.
//!
//! `cargo run --release -p cloakroom-bench -- all` reproduces everything; `--help` lists the parts.

mod args;
mod correctness;
mod http;
mod machine;
mod measure;
mod report;
mod runs;
mod world;

use std::process::ExitCode;

/// Whatever goes wrong ends the run: a benchmark that fails measures nothing.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    match runs::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&*error);
            ExitCode::FAILURE
        }
    }
}
