use serde::{Deserialize, Serialize};

use crate::measure::Spread;

use super::chart::Chart;

/// All that one part of the bench found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chapter {
    /// The part's name, which is also that of its block in the documentation.
    pub(crate) part: String,
    pub(crate) sections: Vec<Section>,
}

/// One table, the figures in it under names that do not change, and pictures of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) title: String,
    /// What one must know to read the table.
    pub(crate) note: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) figures: Vec<Figure>,
    #[serde(default)]
    pub(crate) charts: Vec<Chart>,
    /// What was said word for word, where a table has no room for it.
    #[serde(default)]
    pub(crate) transcripts: Vec<Transcript>,
}

/// One thing that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) key: String,
    pub(crate) unit: String,
    #[serde(flatten)]
    pub(crate) spread: Spread,
}

/// Requests and answers, line by line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Transcript {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
}

impl Section {
    pub(crate) fn new<const N: usize>(title: &str, note: &str, columns: [&str; N]) -> Self {
        Self {
            title: title.to_owned(),
            note: note.to_owned(),
            columns: columns.map(str::to_owned).to_vec(),
            rows: Vec::new(),
            figures: Vec::new(),
            charts: Vec::new(),
            transcripts: Vec::new(),
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(Vec::from(cells));
    }

    pub(crate) fn figure(&mut self, key: impl Into<String>, unit: &str, spread: Spread) {
        self.figures.push(Figure { key: key.into(), unit: unit.to_owned(), spread });
    }

    pub(crate) fn chart(&mut self, chart: Chart) {
        self.charts.push(chart);
    }
}
