//! Hostile records, as a server might hold them, and what each has to come to.
//!
//! Each is the sound record below with a few fields changed. A server that was broken into, restored from
//! half a backup or written to by a defective program may hold any of them.

#[path = "records/lifetimes.rs"]
mod lifetimes;
#[path = "records/names.rs"]
mod names;
#[path = "records/numbers.rs"]
mod numbers;
#[path = "records/values.rs"]
mod values;

/// A record that reads: alice's, with one value and a grace for the secret before.
const SOUND: &[(&str, &[u8])] = &[
    ("format", b"1"),
    ("version", b"7"),
    ("recent", b"0000000000000007,0000000000000006,"),
    ("secret", b"000102030405060708090a0b0c0d0e0f"),
    ("previous", b"101112131415161718191a1b1c1d1e1f"),
    ("until", b"1764000300000"),
    ("created", b"1764000000000"),
    ("seen", b"1764000300000"),
    ("idle", b"1800000"),
    ("absolute", b"99999999999999"),
    ("persistent", b"0"),
    ("principal", b"alice"),
    ("since", b"1764000200000"),
    ("label", b"Firefox"),
    ("value:cart", b"1 7 - json {\"items\":[1]}"),
];

/// What is done to the sound record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Twist {
    /// The field says this.
    Says(&'static str, &'static [u8]),
    /// There is no such field.
    Lacks(&'static str),
    /// There is one field more, under a name that may be taken.
    Adds(&'static [u8], &'static [u8]),
    /// There is one field more, whose content is so many bytes long.
    Swells(&'static [u8], usize),
    /// There are so many fields more, with this in front of their names and this in each of them.
    Crowds(&'static str, usize, &'static [u8]),
}

/// What reading the record has to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It is the sound record: what was added means nothing.
    Sound,
    /// It reads, and says something else.
    Reads,
    /// It reads, and its value `cart` is an error for whoever asks for it, at this version.
    Unreadable(u64),
    /// A newer version of the library wrote it.
    Newer,
    /// No record; this field is the reason.
    Corrupt(&'static str),
}

/// One record: why it is hostile, what is done to the sound one, and what that has to come to.
type Row = (&'static str, &'static [Twist], Expected);

/// One record, spelled out.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) why: &'static str,
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) expected: Expected,
}

/// The record that all others are made from.
pub(crate) fn sound() -> Vec<(Vec<u8>, Vec<u8>)> {
    SOUND.iter().map(|(name, content)| (name.as_bytes().to_vec(), content.to_vec())).collect()
}

pub(crate) fn cases() -> Vec<Case> {
    let families = [numbers::ROWS, lifetimes::ROWS, names::ROWS, values::ROWS];
    let case = |(why, twists, expected): &Row| Case { why, fields: twisted(twists), expected: *expected };
    families.into_iter().flatten().map(case).collect()
}

fn twisted(twists: &[Twist]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut fields = sound();
    for twist in twists {
        match *twist {
            Twist::Says(name, content) => {
                let field = fields.iter_mut().find(|(present, _)| present == name.as_bytes());
                content.clone_into(&mut field.expect("the sound record has the field").1);
            }
            Twist::Lacks(name) => fields.retain(|(present, _)| present != name.as_bytes()),
            Twist::Adds(name, content) => fields.push((name.to_vec(), content.to_vec())),
            Twist::Swells(name, length) => fields.push((name.to_vec(), vec![b'x'; length])),
            Twist::Crowds(name, count, content) => {
                fields.extend((0..count).map(|number| (format!("{name}{number}").into_bytes(), content.to_vec())));
            }
        }
    }
    fields
}
