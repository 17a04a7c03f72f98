//! Finds the commands in a client's stream.

/// Commands whose subcommands are counted by both names, as in the server's own statistics.
const CONTAINERS: [&str; 18] = [
    "acl",
    "client",
    "cluster",
    "command",
    "config",
    "function",
    "latency",
    "memory",
    "module",
    "object",
    "pubsub",
    "script",
    "sentinel",
    "slowlog",
    "xgroup",
    "xinfo",
    "hotkeys",
    "commandlog",
];
/// Longer than any header line or inline command of a client; a longer line is not RESP.
const LINE_LIMIT: usize = 64 * 1024;
const NAME_LIMIT: usize = 64;
/// The name of a command and that of a subcommand.
const NAME_WORDS: usize = 2;

/// Parses RESP requests from chunks of any size, and keeps only the names.
#[derive(Debug, Default)]
pub(super) struct Requests {
    at: At,
    line: Vec<u8>,
    /// Arguments of the current command that have not arrived yet.
    missing: usize,
    words: Vec<String>,
    word: Vec<u8>,
}

#[derive(Debug, Default)]
enum At {
    #[default]
    Line,
    /// In an argument, with this many bytes of it and of its line end to come.
    Argument { left: usize },
    /// The stream is not RESP, but TLS for example: nothing can be counted any more.
    Lost,
}

impl Requests {
    /// Reports each command whose last byte is in `bytes`.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(&str)) {
        while !bytes.is_empty() {
            bytes = match self.at {
                At::Line => self.take_line(bytes, &mut found),
                At::Argument { left } => self.take_argument(bytes, left, &mut found),
                At::Lost => return,
            };
        }
    }

    fn take_line<'a>(&mut self, bytes: &'a [u8], found: &mut impl FnMut(&str)) -> &'a [u8] {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        self.line.extend_from_slice(part);
        if self.line.len() > LINE_LIMIT {
            self.at = At::Lost;
        } else if end.is_some() {
            let line = std::mem::take(&mut self.line);
            self.end_line(line.trim_ascii(), found);
        }
        rest
    }

    fn end_line(&mut self, line: &[u8], found: &mut impl FnMut(&str)) {
        let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<usize>().ok();
        match (line.split_first(), self.missing) {
            (None, 0) => {}
            (Some((b'*', digits)), 0) => match number(digits) {
                Some(count) => self.missing = count,
                None => self.at = At::Lost,
            },
            (Some((b'$', digits)), 1..) => match number(digits) {
                Some(length) => self.at = At::Argument { left: length.saturating_add(2) },
                None => self.at = At::Lost,
            },
            // An inline command is printable text; anything else belongs to another protocol.
            (Some(_), 0) if line.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
                let words = line.split(u8::is_ascii_whitespace).take(NAME_WORDS);
                self.words = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
                self.end_command(found);
            }
            _ => self.at = At::Lost,
        }
    }

    fn take_argument<'a>(&mut self, bytes: &'a [u8], left: usize, found: &mut impl FnMut(&str)) -> &'a [u8] {
        let (part, rest) = bytes.split_at(left.min(bytes.len()));
        if self.words.len() < NAME_WORDS && self.word.len() < NAME_LIMIT {
            self.word.extend(part.iter().take(NAME_LIMIT));
        }
        self.at = At::Argument { left: left - part.len() };
        if left == part.len() {
            self.end_argument(found);
        }
        rest
    }

    fn end_argument(&mut self, found: &mut impl FnMut(&str)) {
        self.at = At::Line;
        if self.words.len() < NAME_WORDS {
            self.words.push(String::from_utf8_lossy(self.word.trim_ascii_end()).into_owned());
        }
        self.word.clear();
        self.missing -= 1;
        if self.missing == 0 {
            self.end_command(found);
        }
    }

    fn end_command(&mut self, found: &mut impl FnMut(&str)) {
        let mut words = self.words.drain(..).map(|word| word.to_ascii_lowercase());
        let Some(name) = words.next() else { return };
        match words.next().filter(|_| CONTAINERS.contains(&name.as_str())) {
            Some(subcommand) => found(&format!("{name}|{subcommand}")),
            None => found(&name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Requests;

    const STREAM: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nset\r\n$2\r\n\r\n\r\n$6\r\n*1\r\n$4\r\n\
                            *3\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n\r\nping\r\n*0\r\n*1\r\n$5\r\nHELLO\r\n";

    fn names(piece: usize) -> Vec<String> {
        let mut requests = Requests::default();
        let mut names = Vec::new();
        for bytes in STREAM.chunks(piece) {
            requests.feed(bytes, |name| names.push(name.to_owned()));
        }
        names
    }

    #[test]
    fn commands_are_found_however_the_bytes_are_cut() {
        for piece in 1..=STREAM.len() {
            assert_eq!(names(piece), ["get", "set", "client|tracking", "ping", "hello"], "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_resp_is_not_counted() {
        let mut requests = Requests::default();
        let mut count = 0;
        requests.feed(b"*1\r\n\x16\x03\x01\r\n*1\r\n$4\r\nPING\r\n", |_| count += 1);
        assert_eq!(count, 0);
    }

    #[test]
    fn what_another_protocol_sends_is_not_counted() {
        let mut requests = Requests::default();
        let mut count = 0;
        requests.feed(b"\0\0\0\x08\x04\xd2\x16\x2fP\0\0\0\nselect 1\n\nPING\r\n", |_| count += 1);
        assert_eq!(count, 0);
    }
}
