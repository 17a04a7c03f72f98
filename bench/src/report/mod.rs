//! What a run found: a table on the terminal, JSON for machines, Markdown and charts for the documentation.

mod budgets;
mod chart;
mod headlines;
mod json;
mod markdown;
mod progress;
mod section;
mod table;
mod write;

use std::error::Error;
use std::io::{Write, stderr, stdout};

use serde::Serialize;

use crate::machine::Machine;
use crate::{Failure, args::Options};

pub(crate) use chart::{Chart, Series};
pub(crate) use headlines::missing as missing_headlines;
pub(crate) use json::{read, write as write_json};
pub(crate) use progress::{done, expect, part, progress};
use section::Figure;
pub(crate) use section::{Chapter, Section, Transcript};
pub(crate) use write::write as write_documentation;

/// Everything a run found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) seed: u64,
    pub(crate) runs: u32,
    pub(crate) smoke: bool,
    pub(crate) chapters: Vec<Chapter>,
}

impl Report {
    pub(crate) fn new(options: &Options, chapters: Vec<Chapter>) -> Self {
        Self { machine: Machine::here(), seed: options.seed, runs: options.runs(), smoke: options.smoke, chapters }
    }

    #[cfg(test)]
    fn of_test(chapters: Vec<Chapter>) -> Self {
        Self { machine: Machine::here(), seed: 0, runs: 1, smoke: true, chapters }
    }

    /// Where, when and how, in one line.
    pub(crate) fn describe(&self) -> String {
        let smoke = if self.smoke { " · smoke run: the figures mean nothing" } else { "" };
        format!("{} · seed {}, median of {} runs (min .. max){smoke}", self.machine.describe(), self.seed, self.runs)
    }

    /// The tables, on the terminal.
    pub(crate) fn show(&self) -> Result<(), Failure> {
        let mut out = stdout().lock();
        writeln!(out, "\n{}", self.describe())?;
        for section in self.chapters.iter().flat_map(|chapter| &chapter.sections) {
            writeln!(out, "\n{}\n{}", section.title, table::plain(section))?;
        }
        let judged = budgets::judged(self);
        if !judged.rows.is_empty() && !self.smoke {
            writeln!(out, "\n{}\n{}", judged.title, table::plain(&judged))?;
        }
        Ok(())
    }

    fn figure(&self, key: &str) -> Option<&Figure> {
        let sections = self.chapters.iter().flat_map(|chapter| &chapter.sections);
        sections.flat_map(|section| &section.figures).find(|figure| figure.key == key)
    }
}

/// Says why the run ended.
pub(crate) fn complain(error: &dyn Error) {
    drop(writeln!(stderr(), "cloakroom-bench: {error}"));
}
