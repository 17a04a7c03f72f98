use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::Failure;

use super::section::Section;
use super::{Report, budgets, table};

const BEGIN: &str = "<!-- begin: written by `cloakroom-bench all --write` -->";
const END: &str = "<!-- end -->";

/// Replaces the generated block of a file; what people wrote around it stays.
pub(crate) fn write(report: &Report, file: &Path) -> Result<(), Failure> {
    let named = |error: &dyn std::fmt::Display| format!("--write {}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| named(&error))?;
    let parts = text.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.ok_or_else(|| named(&format!("has no line `{BEGIN}` followed by `{END}`; add them")))?;
    let block = block(report)?;
    fs::write(file, format!("{head}{BEGIN}\n\n{block}\n{END}{tail}")).map_err(|error| named(&error))?;
    Ok(())
}

fn block(report: &Report) -> Result<String, Failure> {
    let mut block = format!("{}\n", report.describe());
    for section in [&budgets::judged(&report.sections)].into_iter().chain(&report.sections) {
        append(&mut block, section)?;
    }
    Ok(block)
}

fn append(block: &mut String, section: &Section) -> Result<(), Failure> {
    writeln!(block, "\n## {}\n", section.title)?;
    if !section.note.is_empty() {
        writeln!(block, "{}\n", section.note)?;
    }
    writeln!(block, "{}", table::markdown(section))?;
    Ok(())
}
