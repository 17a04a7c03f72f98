//! Hostile answers of a server, as bytes, and what each has to come to.
//!
//! Written as templates, because a whole record is long:
//!
//! | in the template | becomes |
//! |---|---|
//! | `{map}` | a sound record of version 7, as `HGETALL` answers it |
//! | `{flat}` | the same, as a script answers it |
//! | `{deep}`, `{deeper}` | a hundred lists in each other, and a thousand |
//! | `{crowd}` | a list of a hundred thousand texts |

#[path = "replies/reads.rs"]
mod reads;
#[path = "replies/writes.rs"]
mod writes;

/// What the server was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// For a record.
    Load,
    /// To apply edits.
    Commit,
    /// To insert a record.
    Create,
    /// To remove one.
    Destroy,
    /// To enter a session into an index.
    Admit,
    /// For the sessions of a user.
    Members,
}

/// What the answer has to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// An answer, as far as anybody can tell: this is what the server says.
    Believed,
    /// Nothing is there.
    Nothing,
    /// The store cannot be asked; nothing was changed.
    Unavailable,
    /// What was asked for may have been done or not.
    Unknown,
    /// What is stored is no record.
    Corrupt,
    /// The server does not want to.
    Refused,
}

/// One answer: why it is hostile, to which question, its bytes as a template, and what it has to come to.
type Row = (&'static str, Asked, &'static [u8], Expected);

/// One answer, spelled out.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) why: &'static str,
    pub(crate) asked: Asked,
    pub(crate) reply: Vec<u8>,
    pub(crate) expected: Expected,
}

/// All answers, around a record with these fields.
pub(crate) fn cases(record: &[(Vec<u8>, Vec<u8>)]) -> Vec<Case> {
    let bulk = |text: &[u8]| [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat();
    let fields: Vec<u8> = record.iter().flat_map(|(name, content)| [bulk(name), bulk(content)].concat()).collect();
    let map = [format!("%{}\r\n", record.len()).as_bytes(), &fields].concat();
    let flat = [format!("*{}\r\n", record.len() * 2).as_bytes(), &fields].concat();
    let places: [(&[u8], Vec<u8>); 5] = [
        (b"{map}", map),
        (b"{flat}", flat),
        (b"{deep}", [b"*1\r\n".repeat(100), b":1\r\n".to_vec()].concat()),
        (b"{deeper}", [b"*1\r\n".repeat(1000), b":1\r\n".to_vec()].concat()),
        (b"{crowd}", [b"*100000\r\n".to_vec(), b"+a\r\n".repeat(100_000)].concat()),
    ];
    let filled =
        |template: &[u8]| places.iter().fold(template.to_vec(), |reply, (place, text)| replaced(&reply, place, text));
    let case = |(why, asked, template, expected): &Row| Case {
        why,
        asked: *asked,
        reply: filled(template),
        expected: *expected,
    };
    [reads::ROWS, writes::ROWS].into_iter().flatten().map(case).collect()
}

fn replaced(text: &[u8], place: &[u8], with: &[u8]) -> Vec<u8> {
    match text.windows(place.len()).position(|window| window == place) {
        Some(at) => [&text[..at], with, &replaced(&text[at + place.len()..], place, with)].concat(),
        None => text.to_vec(),
    }
}
