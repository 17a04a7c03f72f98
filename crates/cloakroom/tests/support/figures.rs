//! The table in docs/fuzzing.md that lists the number of hostile inputs of each kind.

use std::fs;
use std::path::Path;

/// The rows of the table: the corpus and its number of inputs.
///
/// # Panics
/// If the page or the table is missing.
pub(crate) fn figures() -> Vec<(String, usize)> {
    let page = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fuzzing.md"));
    let page = fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let (_, table) = page.split_once("## Hostile inputs").expect("the page has the table");
    let (table, _) = table.split_once("\n## ").expect("a section follows the table");
    let row = |line: &str| {
        let mut columns = line.split('|').map(str::trim).skip(1);
        Some((columns.next()?.to_owned(), columns.next()?.parse().ok()?))
    };
    table.lines().filter_map(row).collect()
}

/// Compares the table with the actual numbers.
///
/// # Panics
/// If a number differs or the table lacks a corpus.
pub(crate) fn assert_said(actual: &[(&str, usize)]) {
    let documented = figures();
    for (corpus, inputs) in actual {
        let figure = documented.iter().find(|(name, _)| name == corpus).map(|(_, figure)| *figure);
        assert_eq!(figure, Some(*inputs), "the number in docs/fuzzing.md for \"{corpus}\"");
    }
}
