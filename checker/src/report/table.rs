use std::fmt;

use super::{Report, Row};

type Column = (&'static str, fn(&Row) -> String);

const COLUMNS: [Column; 21] = [
    ("fault", |row| row.fault.clone()),
    ("times", |row| row.times.to_string()),
    ("operations", |row| row.operations.to_string()),
    ("acked", |row| row.acked.to_string()),
    ("unknown", |row| row.unknown.to_string()),
    ("lost", |row| row.lost.to_string()),
    ("dup", |row| row.duplicated.to_string()),
    ("phantom", |row| row.phantom.to_string()),
    ("RYW", |row| row.read_your_writes.to_string()),
    ("mono", |row| row.monotonic.to_string()),
    ("stale", |row| row.stale.to_string()),
    ("logout p50", |row| format!("{:.1} ms", row.logout_p50_ms)),
    ("p99", |row| format!("{:.1} ms", row.logout_p99_ms)),
    ("max", |row| format!("{:.0} ms", row.logout_max_ms)),
    ("late", |row| row.late.to_string()),
    ("resurr.", |row| row.resurrected.to_string()),
    ("leaked", |row| row.leaked.to_string()),
    ("odd", |row| row.odd.to_string()),
    ("lost by server", |row| row.lost_by_redis.to_string()),
    ("noticed", |row| row.rollbacks.to_string()),
    ("verdict", |row| if row.held { "held" } else { "BROKEN" }.to_owned()),
];

/// Formats a Markdown table that is readable on a terminal too.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<Vec<String>> = vec![COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect()];
        lines.extend(self.rows.iter().map(|row| COLUMNS.iter().map(|(_, cell)| cell(row)).collect()));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
        for (number, line) in lines.iter().enumerate() {
            write_line(f, line, &widths)?;
            if number == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                write_line(f, &rule, &widths)?;
            }
        }
        let acked: u64 = self.rows.iter().map(|row| row.acked).sum();
        let lost: u64 = self.rows.iter().map(|row| row.lost).sum();
        let verdict = if self.held { "every promise held" } else { "A PROMISE WAS BROKEN" };
        writeln!(f, "\n{acked} acknowledged writes, {lost} lost; {verdict}.")?;
        writeln!(f, "seed {}, {} clients, 3 nodes, {}, {} s", self.seed, self.clients, self.server, self.seconds)?;
        for row in self.rows.iter().filter(|row| !row.held) {
            writeln!(f, "\n{}:", row.fault)?;
            row.examples.iter().try_for_each(|example| writeln!(f, "  {example}"))?;
        }
        Ok(())
    }
}

fn write_line(f: &mut fmt::Formatter<'_>, cells: &[String], widths: &[usize]) -> fmt::Result {
    for (cell, width) in cells.iter().zip(widths) {
        write!(f, "| {cell:>width$} ")?;
    }
    writeln!(f, "|")
}
