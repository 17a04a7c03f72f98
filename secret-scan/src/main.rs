//! `cloakroom-secret-scan FOLDER` fails if a recorded run printed one of its secrets.

#![allow(clippy::print_stdout, reason = "the report is printed")]

use std::path::Path;
use std::process::ExitCode;

use cloakroom_secret_scan::{Report, examine};

/// Maximum number of leaks to print; more of them rarely add information.
const PRINTED: usize = 60;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!(
            "Usage: cloakroom-secret-scan FOLDER    (written by tests that ran with CLOAKROOM_SECRET_SCAN=FOLDER)"
        );
        return ExitCode::from(2);
    };
    match examine(Path::new(&folder)) {
        Ok(report) => print(&report),
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::from(2)
        }
    }
}

fn print(report: &Report) -> ExitCode {
    for (path, leak) in report.leaks.iter().take(PRINTED) {
        println!("{}: a {} {}: {}", path.display(), leak.what, leak.spelling, leak.around.escape_ascii());
    }
    if report.leaks.len() > PRINTED {
        println!("and {} more", report.leaks.len() - PRINTED);
    }
    let kinds: Vec<_> = report.secrets.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("searched {} bytes of {} files for {}", report.bytes, report.files, kinds.join(", "));
    if report.proves_nothing() {
        println!("which proves nothing: the tests did not run, or not with CLOAKROOM_SECRET_SCAN");
    }
    if report.leaks.is_empty() && !report.proves_nothing() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
