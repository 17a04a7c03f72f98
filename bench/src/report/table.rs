use super::section::Section;

/// The table with columns that line up.
pub(super) fn plain(section: &Section) -> String {
    let widths: Vec<usize> = (0..section.columns.len()).map(|column| width(section, column)).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        padded.collect::<Vec<_>>().join("  ")
    };
    let mut lines = vec![line(&section.columns)];
    lines.extend(section.rows.iter().map(|row| line(row)));
    lines.join("\n")
}

/// The same for Markdown.
pub(super) fn markdown(section: &Section) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let rule = vec!["---".to_owned(); section.columns.len()];
    let mut lines = vec![line(&section.columns), line(&rule)];
    lines.extend(section.rows.iter().map(|row| line(row)));
    lines.join("\n")
}

fn width(section: &Section, column: usize) -> usize {
    let cells = section.rows.iter().chain([&section.columns]).filter_map(|row| row.get(column));
    cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
}
