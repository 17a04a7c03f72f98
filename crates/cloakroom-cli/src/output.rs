//! Tables for people, JSON for programs.

use std::io::{self, Write};

use cloakroom::Timestamp;
use serde::Serialize;

/// How results are printed.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a value as JSON, or by `print`.
    pub(crate) fn print(
        &self,
        value: &impl Serialize,
        print: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, value)?;
            return writeln!(out);
        }
        print(&mut out)
    }
}

/// Writes rows below a header, each column as wide as its widest cell.
pub(crate) fn table(out: &mut dyn Write, header: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let lines = || std::iter::once(&header).chain(rows);
    let width = |column: usize| lines().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    for line in lines() {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// The first millisecond of the year 10000, which the format of instants has no room for.
const YEAR_10000: u64 = 253_402_300_800_000;

/// Returns an instant in UTC to the second, such as `2026-11-30T12:00:00Z`.
pub(crate) fn instant(at: Timestamp) -> String {
    let at = Some(at).filter(|at| at.as_millis() < YEAR_10000).and_then(Timestamp::to_system_time);
    at.map_or_else(|| "never".to_owned(), |at| humantime::format_rfc3339_seconds(at).to_string())
}

/// Returns the text with invisible characters escaped, because a principal or a label may contain
/// what a terminal takes for a command, what reorders the line, or what nobody sees.
pub(crate) fn plain(text: &str) -> String {
    let escape = |c: char| if is_invisible(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}

/// Returns `true` for a character that is not visible, or that changes how others are.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_aligned_columns() -> io::Result<()> {
        let mut out = Vec::new();
        table(
            &mut out,
            &["id", "user"],
            &[vec!["1".to_owned(), "ada".to_owned()], vec!["123".to_owned(), "é".to_owned()]],
        )?;
        assert_eq!(String::from_utf8_lossy(&out), "id   user\n1    ada\n123  é\n");
        Ok(())
    }

    #[test]
    fn every_instant_is_printed() {
        assert_eq!(instant(Timestamp::from_millis(0)), "1970-01-01T00:00:00Z");
        assert_eq!(instant(Timestamp::from_millis(YEAR_10000 - 1)), "9999-12-31T23:59:59Z");
        assert_eq!(instant(Timestamp::from_millis(YEAR_10000)), "never");
        assert_eq!(instant(Timestamp::MAX), "never");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }

    #[test]
    fn no_name_reorders_its_line_or_looks_like_another_one() {
        for hidden in ['\u{ad}', '\u{61c}', '\u{200b}', '\u{200f}', '\u{2028}', '\u{202e}', '\u{2066}', '\u{feff}'] {
            assert_eq!(plain(&format!("a{hidden}b")), format!("a\\u{{{:x}}}b", u32::from(hidden)));
        }
        assert_eq!(plain("Zoë Łukasz 李 ❤️"), "Zoë Łukasz 李 ❤️");
    }
}
