//! Runs every benchmark once, with small sizes.

use std::process::{Command, Output};

/// Its figures mean nothing, so that it needs no release build and no quiet machine.
#[test]
fn every_benchmark_runs_with_small_sizes() {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_cloakroom-bench"))
        .args(["all", "--smoke"])
        .output()
        .expect("the program starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}\n{stderr}\n{stdout}");
}
