use serde::{Deserialize, Serialize};

use crate::measure::Spread;

/// One table, and the figures in it under names that do not change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) title: String,
    /// What one must know to read the table.
    pub(crate) note: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) figures: Vec<Figure>,
}

/// One thing that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) key: String,
    pub(crate) unit: String,
    #[serde(flatten)]
    pub(crate) spread: Spread,
}

impl Section {
    pub(crate) fn new<const N: usize>(title: &str, note: &str, columns: [&str; N]) -> Self {
        Self {
            title: title.to_owned(),
            note: note.to_owned(),
            columns: columns.map(str::to_owned).to_vec(),
            rows: Vec::new(),
            figures: Vec::new(),
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(Vec::from(cells));
    }

    pub(crate) fn figure(&mut self, key: impl Into<String>, unit: &str, spread: Spread) {
        self.figures.push(Figure { key: key.into(), unit: unit.to_owned(), spread });
    }

    /// The generated block of the documentation that it belongs to.
    pub(super) fn block(&self) -> &str {
        let part = self.figures.first().and_then(|figure| figure.key.split('/').next());
        part.filter(|part| ["http", "correctness"].contains(part)).unwrap_or("all")
    }
}
