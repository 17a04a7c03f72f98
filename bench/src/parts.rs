//! Runs the parts that the command line names, and reports what they found.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::args::{Args, Options, Part};
use crate::report::{PartReport, Report, Section, announce_part, finish_progress, read_json};
use crate::{Result, correctness, gains, http, load, memory, overhead, process, scale, store_size, targets, waits};

/// Every measuring part, in the order of the documentation.
const PARTS: [&str; 8] = ["gains", "overhead", "memory", "store-size", "scale", "waits", "http", "correctness"];

/// Runs the selected part, prints its tables and writes them where the options say.
pub(crate) fn run(args: &Args) -> Result<()> {
    let options = &args.options;
    let part = args.part.as_ref().unwrap_or(&Part::All);
    match part {
        Part::TargetServer => return process::serve(targets::build),
        Part::ShopServer => return process::serve(gains::build_shop),
        Part::Load => return load::serve(),
        Part::Goals { files } => return report_goals(files, options),
        _ => {}
    }
    let (parts, outcome) = match part {
        Part::All => run_all(options),
        _ => match run_part(part, options) {
            Ok(sections) => (vec![PartReport { part: part.name().to_owned(), sections }], Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        },
    };
    finish_progress();
    let report = Report::new(options, parts)?;
    report.print()?;
    if *part == Part::All && options.smoke && options.only.is_none() && outcome.is_ok() {
        report.check_templates()?;
    }
    if let Some(file) = &options.json {
        report.write_json(file)?;
    }
    if let Some(checkout) = &options.write {
        report.write_documentation(checkout)?;
    }
    outcome
}

fn run_part(part: &Part, options: &Options) -> Result<Vec<Section>> {
    match part {
        Part::Gains => gains::run(options),
        Part::Overhead => overhead::run(options),
        Part::Memory { kind: Some(kind), steady } => memory::run(kind, *steady, options),
        Part::Memory { kind: None, .. } => {
            let runs = memory::runs().map(|arguments| run_child(&[&["memory"], &arguments[..]].concat(), options));
            Ok(memory::join(runs.collect::<Result<Vec<_>>>()?.concat()))
        }
        Part::StoreSize => store_size::run(options),
        Part::Scale { test: Some(test) } => scale::run(test, options),
        Part::Scale { test: None } => {
            let tests = scale::TESTS.map(|(test, _)| run_child(&["scale", "--test", test], options));
            Ok(tests.into_iter().collect::<Result<Vec<_>>>()?.concat())
        }
        Part::Waits { allocator: Some(allocator) } => waits::run(allocator, options),
        Part::Waits { allocator: None } => {
            let runs = waits::allocators().into_iter().map(|(allocator, library)| {
                run_child_with(&["waits", "--allocator", allocator], library.as_deref(), options)
            });
            Ok(runs.collect::<Result<Vec<_>>>()?.concat())
        }
        Part::Http => http::run(options),
        Part::Correctness => correctness::run(options),
        Part::All | Part::Goals { .. } | Part::TargetServer | Part::ShopServer | Part::Load => Ok(Vec::new()),
    }
}

/// Prints the goals that the figures in these files concern, and writes them where the options say.
fn report_goals(files: &[PathBuf], options: &Options) -> Result<()> {
    let part = |file: &PathBuf| Ok(PartReport { part: "goals".to_owned(), sections: read_json(file)? });
    let report = Report::new(options, files.iter().map(part).collect::<Result<_>>()?)?;
    report.print_goals()?;
    options.write.as_ref().map_or(Ok(()), |checkout| report.write_goals(checkout))
}

/// Runs every part. A part that fails keeps what the others measured; its error is the result.
fn run_all(options: &Options) -> (Vec<PartReport>, Result<()>) {
    let (mut parts, mut outcome) = (Vec::new(), Ok(()));
    for (index, name) in PARTS.into_iter().enumerate() {
        announce_part(name, index + 1, PARTS.len());
        match run_child(&[name], options) {
            Ok(sections) => parts.push(PartReport { part: name.to_owned(), sections }),
            Err(error) => outcome = Err(error),
        }
    }
    (parts, outcome)
}

/// Runs a part in a process of its own, so that it does not inherit the heap of another part.
fn run_child(part: &[&str], options: &Options) -> Result<Vec<Section>> {
    run_child_with(part, None, options)
}

/// Like [`run_child`], with a library loaded before all others.
fn run_child_with(part: &[&str], library: Option<&Path>, options: &Options) -> Result<Vec<Section>> {
    let file = env::temp_dir().join(format!("cloakroom-bench-{}-{}.json", std::process::id(), part.join("-")));
    let status = child_command(part, options, &file)?.envs(library.map(|library| ("LD_PRELOAD", library))).status()?;
    let sections = match status.success() {
        true => read_json(&file),
        false => Err(format!("`{}` failed: {status}", part.join(" ")).into()),
    };
    // A file that stays in the folder for temporary files does no harm.
    drop(fs::remove_file(&file));
    sections
}

fn child_command(part: &[&str], options: &Options, file: &Path) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    // The parent prints the tables of all parts.
    command.args(part).stdout(Stdio::null()).arg("--json").arg(file);
    command.args(["--seed", &options.seed.to_string(), "--runs", &options.runs.to_string()]);
    if options.smoke {
        command.arg("--smoke");
    }
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    Ok(command)
}
