//! Parts that run in processes of their own, so that none finds the heap as another left it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Failure;
use crate::args::Options;
use crate::memory;
use crate::report::{Chapter, Section, part, read};

/// In the order of the documentation.
const PARTS: [&str; 6] = ["gains", "overhead", "memory", "scale", "http", "correctness"];
const STAGES: [&str; 4] = ["growth", "churn", "expiry", "generations"];

/// Every part. One that fails does not throw away what the others measured, and is the failure of the whole in the end.
pub(super) fn all(options: &Options) -> (Vec<Chapter>, Result<(), Failure>) {
    let (mut chapters, mut outcome) = (Vec::new(), Ok(()));
    for (index, name) in PARTS.into_iter().enumerate() {
        part(name, index + 1, PARTS.len());
        match child(&[name], options) {
            Ok(sections) => chapters.push(Chapter { part: name.to_owned(), sections }),
            Err(failure) => outcome = Err(failure),
        }
    }
    (chapters, outcome)
}

/// Every kind of session, as one table.
pub(super) fn memory(options: &Options) -> Result<Vec<Section>, Failure> {
    let mut kinds = Vec::new();
    for kept in memory::KINDS {
        kinds.extend(child(&["memory", "--of", kept], options)?);
        if memory::packs(kept) {
            kinds.extend(child(&["memory", "--of", kept, "--steady"], options)?);
        }
    }
    Ok(memory::joined(kinds))
}

/// Every stage.
pub(super) fn scale(options: &Options) -> Result<Vec<Section>, Failure> {
    let mut sections = Vec::new();
    for stage in STAGES {
        sections.extend(child(&["scale", "--stage", stage], options)?);
    }
    Ok(sections)
}

fn child(part: &[&str], options: &Options) -> Result<Vec<Section>, Failure> {
    let file = scratch(part);
    let status = command(part, options, &file)?.status();
    let sections = status.map_err(Failure::from).and_then(|status| match status.success() {
        true => read(&file),
        false => Err(format!("`{}` failed: {status}", part.join(" ")).into()),
    });
    // What is left behind in the folder for temporary files is nobody's concern.
    drop(fs::remove_file(&file));
    sections
}

fn command(part: &[&str], options: &Options, file: &Path) -> Result<Command, Failure> {
    let mut command = Command::new(env::current_exe()?);
    // The parent shows the tables of all parts together.
    command.args(part).stdout(std::process::Stdio::null()).arg("--json").arg(file);
    command.args(["--seed", &options.seed.to_string(), "--runs", &options.runs.to_string()]);
    if options.smoke {
        command.arg("--smoke");
    }
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    Ok(command)
}

fn scratch(part: &[&str]) -> PathBuf {
    env::temp_dir().join(format!("cloakroom-bench-{}-{}.json", std::process::id(), part.join("-")))
}
