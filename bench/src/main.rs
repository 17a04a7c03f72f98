//! Measures what a session cache gains and what Cloakroom costs, each claim beside its counterpart in the same run.
//!
//! `cargo run --release -p cloakroom-bench -- all` reproduces everything; `--help` lists the parts.

mod args;
mod arms;
mod correctness;
mod gains;
mod http;
mod load;
mod machine;
mod measure;
mod memory;
mod overhead;
mod process;
mod report;
mod run;
mod scale;
mod world;

use std::process::ExitCode;

/// Whatever goes wrong ends the run: a benchmark that fails measures nothing.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    match run::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&*error);
            ExitCode::FAILURE
        }
    }
}
