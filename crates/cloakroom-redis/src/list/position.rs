use std::fmt;

/// The position of a list that continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Identifies the masters and their slots.
    pub(super) layout: u64,
    /// The number of masters whose scan is complete.
    pub(super) master: usize,
    /// The server that issued the cursor. Empty at the beginning of a scan.
    pub(super) server: String,
    /// The cursor of the scan. 0 at its beginning.
    pub(super) cursor: u64,
}

impl Position {
    pub(super) const fn start_of(layout: u64, master: usize) -> Self {
        Self { layout, master, server: String::new(), cursor: 0 }
    }

    /// Parses the text of a position, in its only spelling.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let layout = u64::from_str_radix(parts.next()?, 16).ok()?;
        let (master, server, cursor) =
            (parts.next()?.parse().ok()?, parts.next()?.to_owned(), parts.next()?.parse().ok()?);
        let position = Self { layout, master, server, cursor };
        (position.server.is_empty() == (cursor == 0) && position.to_string() == text).then_some(position)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}.{}.{}", self.layout, self.master, self.server, self.cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_has_one_spelling() {
        let begun = Position { server: "5f3a".to_owned(), cursor: 17, ..Position::start_of(0xab, 2) };
        for position in [Position::start_of(u64::MAX, 0), begun] {
            assert_eq!(Position::parse(&position.to_string()), Some(position));
        }
        for text in [
            "",
            "0.0..0",
            "00000000000000ab.2.5f3a.017",
            "00000000000000ab.2.5f3a.0",
            "00000000000000ab.2..17",
            "00000000000000ab.+2.5f3a.17",
            "00000000000000AB.2.5f3a.17",
            "00000000000000ab.2.5f3a.17.",
            "00000000000000ab.2.5f3a.18446744073709551616",
        ] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
    }
}
