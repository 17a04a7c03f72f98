//! Parts that run in processes of their own, so that none finds the heap as another left it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Failure;
use crate::args::Options;
use crate::report::{Section, progress, read};

const VISITORS: [&str; 3] = ["anonymous", "logged-in", "compact"];

/// Every part, in the order of the documentation.
pub(super) fn all(options: &Options) -> Result<Vec<Section>, Failure> {
    let mut sections = child(&["overhead"], options)?;
    sections.extend(memory(options)?);
    sections.extend(child(&["scale"], options)?);
    sections.extend(child(&["expiry"], options)?);
    sections.extend(child(&["http"], options)?);
    sections.extend(child(&["correctness"], options)?);
    Ok(sections)
}

/// The memory of every kind of visitor, as one table.
pub(super) fn memory(options: &Options) -> Result<Vec<Section>, Failure> {
    let mut whole: Option<Section> = None;
    let parts = VISITORS
        .iter()
        .flat_map(|visitor| [vec!["memory", "--visitor", visitor], vec!["memory", "--visitor", visitor, "--steady"]]);
    for part in parts {
        for section in child(&part, options)? {
            match &mut whole {
                None => whole = Some(section),
                Some(whole) => {
                    whole.rows.extend(section.rows);
                    whole.figures.extend(section.figures);
                }
            }
        }
    }
    Ok(whole.into_iter().collect())
}

fn child(part: &[&str], options: &Options) -> Result<Vec<Section>, Failure> {
    progress(&part.join(" "));
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
