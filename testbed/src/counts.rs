//! Command counts by name.

use std::collections::BTreeMap;

/// Number of calls of each command, by its name in lower case.
///
/// A command with subcommands is counted as `client|tracking`, as in the server's own statistics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandCounts {
    by_name: BTreeMap<String, u64>,
}

impl CommandCounts {
    /// Number of calls of this command; the case of the name does not matter.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.by_name.get(&name.to_ascii_lowercase()).copied().unwrap_or(0)
    }

    /// Number of calls of all commands.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_name.values().sum()
    }

    /// The increase since `earlier`, which came from the same source; unchanged names are omitted.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let grown = self.by_name.iter().map(|(name, count)| (name.clone(), count.saturating_sub(earlier.of(name))));
        Self { by_name: grown.filter(|(_, count)| *count > 0).collect() }
    }

    /// The counts of these commands only.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        let wanted = |name: &str| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        Self { by_name: self.iter().filter(|(name, _)| wanted(name)).map(|(name, n)| (name.to_owned(), n)).collect() }
    }

    /// All names with their counts, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.by_name.iter().map(|(name, count)| (name.as_str(), *count))
    }

    pub(crate) fn add(&mut self, name: &str) {
        match self.by_name.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(self.by_name.insert(name.to_owned(), 1)),
        }
    }

    /// Parses the reply to `INFO commandstats`.
    pub(crate) fn from_info(info: &str) -> Self {
        let entry = |line: &str| {
            let (name, statistics) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let calls = statistics.split(',').find_map(|field| field.strip_prefix("calls="))?;
            Some((name.to_owned(), calls.parse().ok()?))
        };
        Self { by_name: info.lines().filter_map(entry).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::CommandCounts;

    #[test]
    fn statistics_of_the_server_are_read_by_name() {
        let before = CommandCounts::from_info("# Commandstats\r\ncmdstat_get:calls=2,usec=9,rejected_calls=0\r\n");
        let after = CommandCounts::from_info("cmdstat_get:calls=5,usec=9\r\ncmdstat_client|id:calls=1,usec=1\r\n");
        assert_eq!((after.of("GET"), after.of("client|id"), after.of("set")), (5, 1, 0));
        let difference = after.since(&before);
        assert_eq!((difference.of("get"), difference.total()), (3, 4));
        assert_eq!(difference.only(&["GET"]).iter().collect::<Vec<_>>(), [("get", 3)]);
    }
}
