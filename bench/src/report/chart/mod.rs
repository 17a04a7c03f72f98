//! Pictures of figures, as SVG.
//!
//! Drawn here and not by a charting crate: those write colours into every element, and a chart in a
//! README must be readable on a light and on a dark page, which takes one style sheet. What is left are
//! bars, lines and a scale.

mod bars;
mod lines;
mod scale;
mod svg;

use serde::{Deserialize, Serialize};

use crate::measure::Spread;

/// What is to be drawn; travels between processes with its figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chart {
    name: String,
    title: String,
    /// Under the title: what an axis or a bar counts.
    unit: String,
    kind: Kind,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Kind {
    /// Groups of bars, from zero.
    Bars(Vec<Group>),
    /// Both axes logarithmic.
    Lines { across: String, series: Vec<Series> },
}

/// Bars that belong together, each of a series.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Group {
    name: String,
    bars: Vec<(String, Spread)>,
}

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, Spread)>,
}

impl Chart {
    /// An empty bar chart; `name` is that of its file.
    pub(crate) fn bars(name: &str, title: &str, unit: &str) -> Self {
        Self::new(name, title, unit, Kind::Bars(Vec::new()))
    }

    /// An empty line chart; `across` says what the horizontal axis counts.
    pub(crate) fn lines(name: &str, title: &str, unit: &str, across: &str) -> Self {
        Self::new(name, title, unit, Kind::Lines { across: across.to_owned(), series: Vec::new() })
    }

    fn new(name: &str, title: &str, unit: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), title: title.to_owned(), unit: unit.to_owned(), kind }
    }

    /// Adds a bar; the same `series` has the same colour in every group.
    pub(crate) fn bar(&mut self, group: &str, series: &str, spread: Spread) {
        let Kind::Bars(groups) = &mut self.kind else { return };
        let bar = (series.to_owned(), spread);
        match groups.iter_mut().find(|present| present.name == group) {
            Some(present) => present.bars.push(bar),
            None => groups.push(Group { name: group.to_owned(), bars: vec![bar] }),
        }
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: Series) {
        if let Kind::Lines { series, .. } = &mut self.kind {
            series.push(line);
        }
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    pub(super) fn file(&self) -> String {
        format!("{}.svg", self.name)
    }

    pub(super) fn draw(&self) -> String {
        match &self.kind {
            Kind::Bars(groups) => bars::draw(self, groups),
            Kind::Lines { across, series } => lines::draw(self, across, series),
        }
    }
}
