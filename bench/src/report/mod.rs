//! The results of a run: tables on the terminal, JSON, and Markdown and charts for the
//! documentation.

mod budgets;
mod chart;
mod documentation;
mod progress;
mod readme;
mod section;

use std::error::Error;
use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::args::Options;
use crate::machine::Machine;

pub(crate) use chart::Chart;
pub(crate) use progress::{announce_part, finish_progress, start_step};
pub(crate) use readme::fill;
pub(crate) use section::{Figure, Section, Transcript, single, value};

/// All results of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    seed: u64,
    runs: u32,
    smoke: bool,
    parts: Vec<PartReport>,
    /// The results of an earlier run.
    #[serde(skip)]
    baseline: Vec<Section>,
}

/// The results of one part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PartReport {
    /// Its name on the command line and in the markers of the documentation.
    pub(crate) part: String,
    pub(crate) sections: Vec<Section>,
}

impl Report {
    pub(crate) fn new(options: &Options, parts: Vec<PartReport>) -> Result<Self> {
        let (seed, runs, smoke) = (options.seed, options.runs(), options.smoke);
        let baseline = options.baseline.as_deref().map(read_json).transpose()?.unwrap_or_default();
        Ok(Self { machine: Machine::current(), seed, runs, smoke, parts, baseline })
    }

    /// Returns the machine, the date and the options in one line.
    fn describe(&self) -> String {
        let smoke = if self.smoke { " · smoke run: the figures mean nothing" } else { "" };
        format!("{} · seed {}, median of {} runs (min .. max){smoke}", self.machine.describe(), self.seed, self.runs)
    }

    /// Prints all tables, and the budgets unless this is a smoke run.
    pub(crate) fn print(&self) -> Result<()> {
        let mut out = stdout().lock();
        writeln!(out, "\n{}", self.describe())?;
        for section in self.sections() {
            writeln!(out, "\n{}\n{}", section.title, section.to_text())?;
        }
        drop(out);
        if self.smoke { Ok(()) } else { self.print_goals() }
    }

    /// Prints the goals of which this run measured the figure.
    pub(crate) fn print_goals(&self) -> Result<()> {
        let goals = budgets::section(self);
        if !goals.rows.is_empty() {
            writeln!(stdout().lock(), "\n{}\n{}", goals.title, goals.to_text())?;
        }
        Ok(())
    }

    /// Fails if the README's table or the budgets name a figure that no part measured.
    pub(crate) fn check_templates(&self) -> Result<()> {
        match readme::missing_keys(self).as_slice() {
            [] => Ok(()),
            missing => Err(format!("the README uses figures that no part measured: {}", missing.join(", ")).into()),
        }
    }

    pub(crate) fn write_json(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        fs::write(file, text).map_err(|error| format!("--json {}: {error}", file.display()).into())
    }

    /// Writes the results into the documentation of a checkout.
    pub(crate) fn write_documentation(&self, checkout: &Path) -> Result<()> {
        documentation::write(self, checkout)
    }

    /// Writes the goals alone into the documentation of a checkout.
    pub(crate) fn write_goals(&self, checkout: &Path) -> Result<()> {
        documentation::write_goals(self, checkout)
    }

    /// Returns whether more than one part was run.
    fn is_complete(&self) -> bool {
        self.parts.len() > 1
    }

    fn sections(&self) -> impl Iterator<Item = &Section> {
        self.parts.iter().flat_map(|part| &part.sections)
    }

    fn figure(&self, key: &str) -> Option<&Figure> {
        find_figure(self.sections(), key)
    }

    fn baseline_figure(&self, key: &str) -> Option<&Figure> {
        find_figure(self.baseline.iter(), key)
    }
}

fn find_figure<'a>(mut sections: impl Iterator<Item = &'a Section>, key: &str) -> Option<&'a Figure> {
    sections.find_map(|section| section.figures.iter().find(|figure| figure.key == key))
}

/// Reads the sections that a part in another process wrote with `--json`.
pub(crate) fn read_json(file: &Path) -> Result<Vec<Section>> {
    #[derive(Deserialize)]
    struct ChildReport {
        parts: Vec<PartReport>,
    }
    let report: ChildReport = serde_json::from_slice(&fs::read(file)?)?;
    Ok(report.parts.into_iter().flat_map(|part| part.sections).collect())
}

pub(crate) fn print_error(error: &dyn Error) {
    drop(writeln!(stderr(), "cloakroom-bench: {error}"));
}
