//! The topology of a cluster as one of its nodes reports it.

use crate::Error;

/// One line of `CLUSTER NODES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) port: u16,
    pub(crate) flags: Vec<String>,
    /// The id of the master, if the node is a replica.
    pub(crate) replica_of: Option<String>,
    pub(crate) epoch: u64,
    /// First and last slot of each range that the node owns.
    pub(crate) slots: Vec<(u16, u16)>,
}

impl Line {
    pub(crate) fn is(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag)
    }

    pub(crate) fn owns(&self, slot: u16) -> bool {
        self.slots.iter().any(|(first, last)| (*first..=*last).contains(&slot))
    }
}

/// Parses the reply to `CLUSTER NODES`.
pub(crate) fn parse(text: &str) -> Result<Vec<Line>, Error> {
    let line = |line: &str| {
        parse_line(line).ok_or_else(|| Error::unexpected(format!("CLUSTER NODES has the unknown line {line:?}")))
    };
    text.lines().filter(|text| !text.is_empty()).map(line).collect()
}

fn parse_line(line: &str) -> Option<Line> {
    let mut words = line.split(' ');
    let id = words.next()?.to_owned();
    // `127.0.0.1:7000@17000,hostname`, or `:0@0` for a node whose address is not known.
    let port = words.next()?.split('@').next()?.rsplit(':').next()?.parse().ok()?;
    let flags = words.next()?.split(',').map(str::to_owned).collect();
    let replica_of = words.next().filter(|master| *master != "-").map(str::to_owned);
    let epoch = words.nth(2)?.parse().ok()?;
    // After the link state come the slots; `[5->-id]` is a slot that is being moved and that its
    // owner still owns.
    let ranges = words.skip(1).filter(|word| !word.starts_with('['));
    let slots = ranges.map(parse_range).collect::<Option<_>>()?;
    Some(Line { id, port, flags, replica_of, epoch, slots })
}

fn parse_range(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn masters_replicas_and_moving_slots_are_told_apart() {
        let text = "aa 127.0.0.1:7000@17000 myself,master - 0 0 3 connected 0-99 200 [5->-bb] [7-<-bb]\n\
                    bb 127.0.0.1:7001@17001,host slave,fail aa 0 1 3 disconnected\n";
        let lines = parse(text).unwrap();
        assert!(lines[0].is("master") && lines[0].owns(99) && lines[0].owns(200) && !lines[0].owns(100));
        assert_eq!((lines[0].port, lines[0].epoch, &lines[0].replica_of), (7000, 3, &None));
        assert_eq!((lines[1].replica_of.as_deref(), lines[1].is("fail")), (Some("aa"), true));
        assert!(parse("nonsense").is_err());
    }
}
