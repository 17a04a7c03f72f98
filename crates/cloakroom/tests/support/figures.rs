//! What docs/fuzzing.md says of the corpora: how many hostile inputs there are of each kind.

use std::fs;
use std::path::Path;

/// The rows of the table: the corpus, and how many inputs it has.
///
/// # Panics
/// If there is no such table.
pub(crate) fn figures() -> Vec<(String, usize)> {
    let page = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fuzzing.md"));
    let page = fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let (_, table) = page.split_once("## Hostile inputs").expect("the page has the table");
    let (table, _) = table.split_once("\n## ").expect("more comes after it");
    let row = |line: &str| {
        let mut columns = line.split('|').map(str::trim).skip(1);
        Some((columns.next()?.to_owned(), columns.next()?.parse().ok()?))
    };
    table.lines().filter_map(row).collect()
}

/// Compares what the page says with what is there.
///
/// # Panics
/// If they differ, or if the page says nothing of a corpus.
pub(crate) fn assert_said(present: &[(&str, usize)]) {
    let said = figures();
    for (corpus, inputs) in present {
        let figure = said.iter().find(|(name, _)| name == corpus).map(|(_, figure)| *figure);
        assert_eq!(figure, Some(*inputs), "what docs/fuzzing.md says of \"{corpus}\"");
    }
}
