//! The measurements.

mod children;
mod expiry;
mod generations;
mod memory;
mod overhead;
mod rows;
mod scale;

use crate::Failure;
use crate::args::{Args, Options, Part};
use crate::report::{Report, Section, write_json, write_markdown};
use crate::{correctness, http};

/// Runs what was asked for, shows it, and writes it where it was asked to.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let options = &args.options;
    let part = args.part.unwrap_or(Part::All);
    match part {
        Part::HttpNode => return http::serve(),
        Part::HttpLoad => return http::load(),
        _ => {}
    }
    let sections = sections(part, options)?;
    let report = Report::new(options, sections);
    report.show()?;
    if let Some(file) = &options.json {
        write_json(&report, file)?;
    }
    if let Some(file) = &options.write {
        write_markdown(&report, file)?;
    }
    Ok(())
}

fn sections(part: Part, options: &Options) -> Result<Vec<Section>, Failure> {
    match part {
        Part::Overhead => overhead::run(options),
        Part::Memory { visitor: Some(visitor), steady } => memory::run(visitor, steady, options),
        Part::Memory { visitor: None, .. } => children::memory(options),
        Part::Scale => scale::run(options),
        Part::Expiry => {
            let mut sections = expiry::run(options)?;
            sections.extend(generations::run(options)?);
            Ok(sections)
        }
        Part::Http => http::run(options),
        Part::Correctness => correctness::run(options),
        Part::HttpNode | Part::HttpLoad => Ok(Vec::new()),
        Part::All => children::all(options),
    }
}

/// Runs something with a runtime at hand that nothing drives: what the library spawns stays put,
/// so that no housekeeping gets into a measurement that is not about it.
fn with_idle_runtime<T>(work: impl FnOnce(&tokio::runtime::Runtime) -> Result<T, Failure>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _entered = runtime.enter();
    work(&runtime)
}
