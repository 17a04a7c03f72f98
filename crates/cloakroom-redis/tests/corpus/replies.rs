//! Hostile replies of a server, as bytes, and the expected result of each.
//!
//! They are templates, because a whole record is long:
//!
//! | in the template | replaced by |
//! |---|---|
//! | `{map}` | a valid record of version 7, as `HGETALL` returns it |
//! | `{flat}` | the same record, as a script returns it |
//! | `{deep}`, `{deeper}` | a hundred nested lists, and a thousand |
//! | `{crowd}` | a list of a hundred thousand strings |

#[path = "replies/reads.rs"]
mod reads;
#[path = "replies/writes.rs"]
mod writes;

/// The operation that the server received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Loads a record.
    Load,
    /// Applies edits to a record.
    Commit,
    /// Inserts a record.
    Create,
    /// Removes a record.
    Destroy,
    /// Adds a session to an index.
    AddMember,
    /// Lists the sessions of a user.
    ListMembers,
}

/// The expected result of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Success: the reply is valid, so it has to be accepted.
    Accepted,
    /// The result that the record does not exist, or the like.
    Nothing,
    /// The store is unavailable, and nothing was changed.
    Unavailable,
    /// The outcome of the operation is unknown.
    Unknown,
    /// The stored record is invalid.
    Corrupt,
    /// The server refuses the operation.
    Refused,
}

/// One reply: the reason why it is hostile, the operation, its bytes as a template, and the
/// expected result.
type Row = (&'static str, Operation, &'static [u8], Expected);

/// One reply with its template filled in.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) why: &'static str,
    pub(crate) operation: Operation,
    pub(crate) reply: Vec<u8>,
    pub(crate) expected: Expected,
}

/// All replies, built with a record of these fields.
pub(crate) fn cases(record: &[(Vec<u8>, Vec<u8>)]) -> Vec<Case> {
    let bulk = |text: &[u8]| [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat();
    let fields: Vec<u8> = record.iter().flat_map(|(name, content)| [bulk(name), bulk(content)].concat()).collect();
    let map = [format!("%{}\r\n", record.len()).as_bytes(), &fields].concat();
    let flat = [format!("*{}\r\n", record.len() * 2).as_bytes(), &fields].concat();
    let placeholders: [(&[u8], Vec<u8>); 5] = [
        (b"{map}", map),
        (b"{flat}", flat),
        (b"{deep}", [b"*1\r\n".repeat(100), b":1\r\n".to_vec()].concat()),
        (b"{deeper}", [b"*1\r\n".repeat(1000), b":1\r\n".to_vec()].concat()),
        (b"{crowd}", [b"*100000\r\n".to_vec(), b"+a\r\n".repeat(100_000)].concat()),
    ];
    let filled = |template: &[u8]| {
        placeholders.iter().fold(template.to_vec(), |reply, (placeholder, text)| replaced(&reply, placeholder, text))
    };
    let case = |(why, operation, template, expected): &Row| Case {
        why,
        operation: *operation,
        reply: filled(template),
        expected: *expected,
    };
    [reads::ROWS, writes::ROWS].into_iter().flatten().map(case).collect()
}

fn replaced(text: &[u8], placeholder: &[u8], with: &[u8]) -> Vec<u8> {
    match text.windows(placeholder.len()).position(|window| window == placeholder) {
        Some(at) => [&text[..at], with, &replaced(&text[at + placeholder.len()..], placeholder, with)].concat(),
        None => text.to_vec(),
    }
}
