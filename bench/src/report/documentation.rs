//! Writes the results into the documentation of a checkout.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use crate::Result;

use super::section::{Section, Transcript};
use super::{PartReport, Report, budgets, readme};

const PAGE: &str = "docs/benchmarks.md";
const BUDGETS_PAGE: &str = "docs/budgets.md";
const README: &str = "README.md";
const CHARTS: &str = "docs/charts";
/// All tables and transcripts, one file per part; not committed.
const RESULTS: &str = "bench/results";
const END: &str = "<!-- end -->";

/// Replaces the generated blocks of the parts that were run, and writes the charts and the results.
pub(super) fn write(report: &Report, checkout: &Path) -> Result<()> {
    if report.smoke {
        return Err("--write: the figures of a smoke run mean nothing; omit `--smoke`".into());
    }
    let described = report.describe();
    edit(&checkout.join(PAGE), |mut page| {
        for part in &report.parts {
            page = replace_block(&page, &part.part, &page_block(&described, part))?;
        }
        Ok(page)
    })?;
    if report.is_complete() {
        write_goals(report, checkout)?;
        edit(&checkout.join(README), |text| replace_block(&text, "all", &readme::block(report)))?;
    }
    let charts = report.sections().flat_map(|section| &section.charts);
    write_files(&checkout.join(CHARTS), charts.map(|chart| (format!("{}.svg", chart.name), chart.to_svg())))?;
    let results = report.parts.iter().map(|part| (format!("{}.md", part.part), results_file(&described, part)));
    write_files(&checkout.join(RESULTS), results)
}

/// Replaces the generated table of goals.
pub(super) fn write_goals(report: &Report, checkout: &Path) -> Result<()> {
    let goals = format!("*{}*\n{}", report.describe(), budgets::section(report).to_markdown());
    edit(&checkout.join(BUDGETS_PAGE), |page| replace_block(&page, "all", &goals))
}

/// Returns the charts and the tables of a part for the page.
fn page_block(described: &str, part: &PartReport) -> String {
    let charts = part.sections.iter().flat_map(|section| &section.charts);
    let images: Vec<_> = charts.map(|chart| format!("![{}](charts/{}.svg)", chart.title, chart.name)).collect();
    let tables = part.sections.iter().filter(|section| section.is_on_page).map(Section::to_markdown);
    let images = if images.is_empty() { String::new() } else { images.join(" ") + "\n" };
    format!("*{described}*\n{images}{}", tables.collect::<Vec<_>>().join("\n"))
}

/// Returns all tables and transcripts of a part.
fn results_file(described: &str, part: &PartReport) -> String {
    let mut file = format!("# {}\n\n{described}\n", part.part);
    for section in part.sections.iter().filter(|section| !section.rows.is_empty()) {
        file += &format!("\n{}", section.to_markdown());
        for Transcript { title, lines } in &section.transcripts {
            file += &format!("\n{title}\n\n```text\n{}\n```\n", lines.join("\n"));
        }
    }
    file
}

fn edit(file: &Path, change: impl FnOnce(String) -> Result<String>) -> Result<()> {
    let with_file = |error: &dyn Display| format!("--write {}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| with_file(&error))?;
    let text = change(text).map_err(|error| with_file(&error))?;
    fs::write(file, text).map_err(|error| with_file(&error).into())
}

fn replace_block(text: &str, part: &str, block: &str) -> Result<String> {
    let begin = format!("<!-- begin: written by `cloakroom-bench {part} --write` -->");
    let parts = text.split_once(&begin).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let missing = || format!("there is no line `{begin}` followed by `{END}`; add them");
    let (head, tail) = parts.ok_or_else(missing)?;
    Ok(format!("{head}{begin}\n{block}{END}{tail}"))
}

fn write_files(folder: &Path, files: impl Iterator<Item = (String, String)>) -> Result<()> {
    let with_folder = |error: std::io::Error| format!("--write {}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(with_folder)?;
    for (name, text) in files {
        fs::write(folder.join(name), text).map_err(with_folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::replace_block;

    #[test]
    fn only_the_text_between_the_markers_is_replaced() {
        let page = "a\n<!-- begin: written by `cloakroom-bench http --write` -->\nold\n<!-- end -->\nb\n<!-- end -->\n";
        let written = replace_block(page, "http", "new\n").unwrap();
        assert_eq!(written, page.replace("old", "new"));
        let error = replace_block(page, "gains", "new").unwrap_err();
        assert!(error.to_string().contains("cloakroom-bench gains --write"));
    }
}
