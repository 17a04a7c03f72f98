//! A chapter as Markdown.

use std::fmt::{self, Write};

use super::section::{Section, Transcript};
use super::table;

/// Where the documentation's pages find the charts.
pub(super) const CHARTS: &str = "charts";

pub(super) fn block<'a>(described: &str, sections: impl Iterator<Item = &'a Section>) -> Result<String, fmt::Error> {
    let mut block = format!("{described}\n");
    for section in sections.filter(|section| !section.rows.is_empty()) {
        append(&mut block, section)?;
    }
    Ok(block)
}

fn append(block: &mut String, section: &Section) -> fmt::Result {
    writeln!(block, "\n### {}\n", section.title)?;
    if !section.note.is_empty() {
        writeln!(block, "{}\n", section.note)?;
    }
    for chart in &section.charts {
        writeln!(block, "![{}]({CHARTS}/{})\n", chart.title(), chart.file())?;
    }
    writeln!(block, "{}", table::markdown(section))?;
    section.transcripts.iter().try_for_each(|transcript| quote(block, transcript))
}

fn quote(block: &mut String, Transcript { title, lines }: &Transcript) -> fmt::Result {
    writeln!(block, "\n<details><summary>{title}</summary>\n\n```text")?;
    lines.iter().try_for_each(|line| writeln!(block, "{line}"))?;
    writeln!(block, "```\n\n</details>")
}
