//! What a run found, as a table on the terminal, as JSON for machines and as Markdown for the documentation.

mod budgets;
mod json;
mod markdown;
mod section;
mod table;

use std::error::Error;
use std::io::{Write, stderr, stdout};

use serde::Serialize;

use crate::machine::Machine;
use crate::{Failure, args::Options};

pub(crate) use json::{read, write as write_json};
pub(crate) use markdown::write as write_markdown;
pub(crate) use section::Section;

/// Everything a run found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) seed: u64,
    pub(crate) runs: u32,
    pub(crate) smoke: bool,
    pub(crate) sections: Vec<Section>,
}

impl Report {
    pub(crate) fn new(options: &Options, sections: Vec<Section>) -> Self {
        Self { machine: Machine::here(), seed: options.seed, runs: options.runs(), smoke: options.smoke, sections }
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
        for section in &self.sections {
            writeln!(out, "\n{}\n{}", section.title, table::plain(section))?;
        }
        let judged = budgets::judged(&self.sections);
        if !judged.rows.is_empty() && !self.smoke {
            writeln!(out, "\n{}\n{}", judged.title, table::plain(&judged))?;
        }
        Ok(())
    }
}

/// Says what is being done, where it does not get into the figures' way.
pub(crate) fn progress(what: &str) {
    drop(writeln!(stderr(), "… {what}"));
}

/// Says why the run ended.
pub(crate) fn complain(error: &dyn Error) {
    drop(writeln!(stderr(), "cloakroom-bench: {error}"));
}
