//! Into the documentation of a checkout.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use crate::Failure;

use super::{Report, budgets, headlines, markdown};

const PAGE: &str = "docs/benchmarks.md";
const README: &str = "README.md";
const CHARTS: &str = "docs/charts";
const END: &str = "<!-- end -->";

/// Replaces the blocks that this run says something about; what people wrote around them stays.
pub(crate) fn write(report: &Report, checkout: &Path) -> Result<(), Failure> {
    if report.smoke {
        return Err("--write: a smoke run has no figures worth keeping; leave `--smoke` away".into());
    }
    let described = report.describe();
    edit(&checkout.join(PAGE), |page| {
        let mut page = page;
        for chapter in &report.chapters {
            page = replace(&page, &chapter.part, &markdown::block(&described, chapter.sections.iter())?)?;
        }
        if let Some(judged) = budgets::if_whole(report) {
            page = replace(&page, "all", &markdown::block(&described, [&judged].into_iter())?)?;
        }
        Ok(page)
    })?;
    if let Some(headlines) = headlines::if_whole(report) {
        edit(&checkout.join(README), |readme| replace(&readme, "all", &headlines))?;
    }
    draw(report, &checkout.join(CHARTS))
}

fn edit(file: &Path, change: impl FnOnce(String) -> Result<String, Failure>) -> Result<(), Failure> {
    let named = |error: &dyn Display| format!("--write {}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| named(&error))?;
    let text = change(text).map_err(|error| named(&error))?;
    fs::write(file, text).map_err(|error| named(&error).into())
}

fn replace(text: &str, part: &str, block: &str) -> Result<String, Failure> {
    let begin = format!("<!-- begin: written by `cloakroom-bench {part} --write` -->");
    let parts = text.split_once(&begin).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let missing = || format!("has no line `{begin}` followed by `{END}`; add them");
    let (head, tail) = parts.ok_or_else(missing)?;
    Ok(format!("{head}{begin}\n\n{block}\n{END}{tail}"))
}

fn draw(report: &Report, folder: &Path) -> Result<(), Failure> {
    let named = |error: std::io::Error| format!("--write {}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(named)?;
    let sections = report.chapters.iter().flat_map(|chapter| &chapter.sections);
    for chart in sections.flat_map(|section| &section.charts) {
        fs::write(folder.join(chart.file()), chart.draw()).map_err(named)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::replace;

    #[test]
    fn only_what_stands_between_the_lines_is_replaced() {
        let page =
            "a\n<!-- begin: written by `cloakroom-bench http --write` -->\n\nold\n\n<!-- end -->\nb\n<!-- end -->\n";
        let written = replace(page, "http", "new\n").unwrap();
        assert_eq!(written, page.replace("old", "new"));
        assert!(replace(page, "gains", "new").unwrap_err().to_string().contains("cloakroom-bench gains --write"));
    }
}
