//! Tests of the checker: it must pass a correct store and notice every defect.

use std::process::{Command, Output};

use serde_json::Value;

/// Runs the checker on one fault, or on none, and returns its exit code and its only row.
fn check(more: &[&str]) -> (Option<i32>, Value) {
    let directory = std::env::temp_dir().join(format!("cloakroom-checker-{}-{}", std::process::id(), more.join("")));
    let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_cloakroom-checker"))
        .args(["run", "--seed", "1", "--clients", "24", "--json"])
        .arg(&directory)
        .args(more)
        .output()
        .expect("the checker starts");
    let text = std::fs::read_to_string(&directory).unwrap_or_else(|error| {
        panic!("no report ({error}); it printed: {}", String::from_utf8_lossy(&stderr));
    });
    std::fs::remove_file(&directory).expect("it was just read");
    let report: Value = serde_json::from_str(&text).expect("the report is JSON");
    (status.code(), report["rows"][0].clone())
}

/// Checks that this defect fails the run and shows in the column for it.
fn notices(sabotage: &str, columns: &[&str]) {
    let (code, row) = check(&["--short", "--only", "none", "--sabotage", sabotage]);
    assert_eq!(code, Some(1), "{sabotage}: {row:#}");
    let found = columns.iter().any(|column| row[column].as_u64().is_some_and(|count| count > 0));
    assert!(found, "{sabotage} should show as one of {columns:?}: {row:#}");
}

#[test]
fn a_sound_store_passes() {
    let (code, row) = check(&["--short", "--only", "none"]);
    assert_eq!(code, Some(0), "{row:#}");
    assert!(row["acked"].as_u64().is_some_and(|acked| acked >= 100), "{row:#}");
}

#[test]
fn a_sound_store_passes_over_postgresql() {
    let (code, row) = check(&["--short", "--postgres", "--only", "none"]);
    assert_eq!(code, Some(0), "{row:#}");
}

#[test]
fn copies_that_outlive_their_session_are_noticed_over_postgresql() {
    let (code, row) = check(&["--short", "--postgres", "--only", "none", "--sabotage", "deaf"]);
    assert_eq!(code, Some(1), "{row:#}");
    let found = ["late", "resurrected"].iter().any(|column| row[column].as_u64().is_some_and(|count| count > 0));
    assert!(found, "{row:#}");
}

#[test]
fn a_lost_update_is_noticed() {
    notices("lost-update", &["lost"]);
}

#[test]
fn a_write_that_was_not_done_is_noticed() {
    notices("false-success", &["lost"]);
}

#[test]
fn a_refused_write_that_was_done_is_noticed() {
    notices("false-failure", &["phantom"]);
}

#[test]
fn a_write_done_twice_is_noticed() {
    notices("repeat", &["duplicated"]);
}

#[test]
fn a_read_from_the_past_is_noticed() {
    notices("stale-read", &["read_your_writes", "monotonic"]);
}

#[test]
fn copies_that_outlive_their_session_are_noticed() {
    notices("deaf", &["late", "resurrected"]);
}

#[test]
fn a_session_that_comes_back_is_noticed() {
    notices("resurrect", &["resurrected"]);
}

#[test]
fn somebody_elses_values_are_noticed() {
    notices("leak", &["leaked"]);
}
