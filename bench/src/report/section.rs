use serde::{Deserialize, Serialize};

use crate::measure::Spread;

use super::chart::Chart;

/// A table, its figures under stable keys, and its charts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) title: String,
    /// How the table was measured.
    pub(crate) note: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) charts: Vec<Chart>,
    pub(crate) transcripts: Vec<Transcript>,
    /// Whether docs/benchmarks.md has the table; bench/results has all tables.
    pub(crate) is_on_page: bool,
}

/// One measured value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) key: String,
    pub(crate) unit: String,
    #[serde(flatten)]
    pub(crate) spread: Spread,
}

/// Requests and responses, line by line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Transcript {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
}

/// A measured value of a row.
pub(crate) struct Value {
    name: &'static str,
    unit: &'static str,
    spread: Spread,
    text: String,
}

/// Returns a value that a table shows with its minimum and maximum.
pub(crate) fn value(name: &'static str, unit: &'static str, spread: Spread) -> Value {
    Value { name, unit, spread, text: spread.to_string() }
}

/// Returns a value that was measured once.
pub(crate) fn single(name: &'static str, unit: &'static str, value: f64) -> Value {
    Value { name, unit, spread: Spread::once(value), text: Spread::once(value).to_string() }
}

impl Value {
    /// Shows the median with this many decimals.
    pub(crate) fn decimals(self, decimals: usize) -> Self {
        Self { text: format!("{:.decimals$}", self.spread.median), ..self }
    }

    /// Shows the median with its sign and this many decimals.
    pub(crate) fn signed(self, decimals: usize) -> Self {
        Self { text: format!("{:+.decimals$}", self.spread.median), ..self }
    }

    pub(crate) fn with_text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }
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
            is_on_page: false,
        }
    }

    /// Adds the table to docs/benchmarks.md.
    pub(crate) fn on_page(mut self) -> Self {
        self.is_on_page = true;
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn figure(&mut self, key: impl Into<String>, unit: &str, spread: Spread) {
        self.figures.push(Figure { key: key.into(), unit: unit.to_owned(), spread });
    }

    /// Adds a row of labels and measured values. A value that exists is also a figure, `key/name`.
    pub(crate) fn measured_row(&mut self, labels: &[&str], key: &str, values: impl IntoIterator<Item = Value>) {
        let mut row: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        for Value { name, unit, spread, text } in values {
            row.push(text);
            // JSON has no NaN, which is the spread of nothing.
            if spread.median.is_finite() {
                self.figure(format!("{key}/{name}"), unit, spread);
            }
        }
        self.rows.push(row);
    }

    /// Returns the table with aligned columns.
    pub(super) fn to_text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.columns]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            padded.collect::<Vec<_>>().join("  ")
        };
        [&self.columns].into_iter().chain(&self.rows).map(line).collect::<Vec<_>>().join("\n")
    }

    /// Returns the title, the note and the table as Markdown.
    pub(super) fn to_markdown(&self) -> String {
        let rule = vec!["---".to_owned(); self.columns.len()];
        let line = |cells: &Vec<String>| format!("| {} |\n", cells.join(" | "));
        let table: String = [&self.columns, &rule].into_iter().chain(&self.rows).map(line).collect();
        format!("**{}.** {}\n\n{table}", self.title, self.note)
    }
}
