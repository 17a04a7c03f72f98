use std::cell::RefCell;

/// What was asked and answered in one check, line by line.
#[derive(Debug, Default)]
pub(super) struct Talk(RefCell<Vec<(String, usize)>>);

impl Talk {
    /// Notes a line; the same one again only counts.
    pub(super) fn note(&self, line: String) {
        let mut lines = self.0.borrow_mut();
        match lines.last_mut() {
            Some((last, times)) if *last == line => *times += 1,
            _ => lines.push((line, 1)),
        }
    }

    /// At most as many as somebody reads: the first, and the last.
    pub(super) fn lines(&self) -> Vec<String> {
        const ENDS: usize = 6;
        let lines = self.0.borrow();
        let said = |(line, times): &(String, usize)| match times {
            1 => line.clone(),
            times => format!("{line}   (×{times})"),
        };
        if lines.len() <= 2 * ENDS {
            return lines.iter().map(said).collect();
        }
        let left_out = format!("… {} more …", lines.len() - 2 * ENDS);
        let (first, last) = (&lines[..ENDS], &lines[lines.len() - ENDS..]);
        first.iter().map(said).chain([left_out]).chain(last.iter().map(said)).collect()
    }
}
