//! Measures what a session cache gains and what Cloakroom costs, against bare axum and other
//! session libraries.
//!
//! `cargo run --release -p cloakroom-bench -- all` runs everything; `--help` lists the parts.

mod args;
mod correctness;
mod fixtures;
mod gains;
mod http;
mod load;
mod machine;
mod measure;
mod memory;
mod overhead;
mod parts;
mod process;
mod report;
mod scale;
mod store_size;
mod stores;
mod targets;
mod waits;

use std::process::ExitCode;

/// Any error ends the run: a benchmark that fails measures nothing.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    match parts::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::print_error(&*error);
            ExitCode::FAILURE
        }
    }
}
