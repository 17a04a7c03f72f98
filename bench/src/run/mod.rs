//! From the command line to the parts, and from what they found to the report.

mod children;

use crate::args::{Args, Options, Part};
use crate::report::{Chapter, Report, Section, done, missing_headlines, write_documentation, write_json};
use crate::{Failure, arms, correctness, gains, http, load, memory, overhead, process, scale};

/// Runs what was asked for, shows it, and writes it where it was asked to.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let options = &args.options;
    let part = args.part.unwrap_or(Part::All);
    match part {
        Part::Node => return process::serve(arms::app),
        Part::Shop => return process::serve(gains::app),
        Part::Load => return load::answer(),
        _ => {}
    }
    let (chapters, outcome) = chapters(part, options);
    done();
    let report = Report::new(options, chapters);
    report.show()?;
    if part == Part::All && options.smoke && options.only.is_none() && outcome.is_ok() {
        let missing = missing_headlines(&report);
        if !missing.is_empty() {
            return Err(format!("the README asks for figures that no part has: {}", missing.join(", ")).into());
        }
    }
    if let Some(file) = &options.json {
        write_json(&report, file)?;
    }
    if let Some(checkout) = &options.write {
        write_documentation(&report, checkout)?;
    }
    outcome
}

fn chapters(part: Part, options: &Options) -> (Vec<Chapter>, Result<(), Failure>) {
    if part == Part::All {
        return children::all(options);
    }
    match sections(part, options) {
        Ok(sections) => (vec![Chapter { part: part.name().to_owned(), sections }], Ok(())),
        Err(failure) => (Vec::new(), Err(failure)),
    }
}

fn sections(part: Part, options: &Options) -> Result<Vec<Section>, Failure> {
    match part {
        Part::Gains => gains::run(options),
        Part::Overhead => overhead::run(options),
        Part::Memory { of: Some(kept), steady } => memory::run(kept, steady, options),
        Part::Memory { of: None, .. } => children::memory(options),
        Part::Scale { stage: Some(stage) } => scale::run(stage, options),
        Part::Scale { stage: None } => children::scale(options),
        Part::Http => http::run(options),
        Part::Correctness => correctness::run(options),
        Part::All | Part::Node | Part::Shop | Part::Load => Ok(Vec::new()),
    }
}
