use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::Failure;

use super::section::Section;
use super::{Report, budgets, table};

const END: &str = "<!-- end -->";

/// Replaces the generated blocks of a file; what people wrote around them stays, and so does a block that
/// this run says nothing about.
pub(crate) fn write(report: &Report, file: &Path) -> Result<(), Failure> {
    let named = |error: &dyn std::fmt::Display| format!("--write {}: {error}", file.display());
    let mut text = fs::read_to_string(file).map_err(|error| named(&error))?;
    for (part, heading) in [("all", "##"), ("http", "###"), ("correctness", "###")] {
        let sections: Vec<_> = report.sections.iter().filter(|section| section.block() == part).cloned().collect();
        if sections.is_empty() {
            continue;
        }
        let begin = format!("<!-- begin: written by `cloakroom-bench {part} --write` -->");
        let parts = text.split_once(&begin).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
        let (head, tail) =
            parts.ok_or_else(|| named(&format!("has no line `{begin}` followed by `{END}`; add them")))?;
        text = format!("{head}{begin}\n\n{}\n{END}{tail}", block(report, &sections, heading)?);
    }
    fs::write(file, text).map_err(|error| named(&error))?;
    Ok(())
}

fn block(report: &Report, sections: &[Section], heading: &str) -> Result<String, Failure> {
    let mut block = format!("{}\n", report.describe());
    let judged = budgets::judged(sections);
    for section in [&judged].into_iter().chain(sections).filter(|section| !section.rows.is_empty()) {
        append(&mut block, section, heading)?;
    }
    Ok(block)
}

fn append(block: &mut String, section: &Section, heading: &str) -> Result<(), Failure> {
    writeln!(block, "\n{heading} {}\n", section.title)?;
    if !section.note.is_empty() {
        writeln!(block, "{}\n", section.note)?;
    }
    writeln!(block, "{}", table::markdown(section))?;
    Ok(())
}
