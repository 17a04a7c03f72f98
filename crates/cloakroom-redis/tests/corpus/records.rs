//! Hostile records as a server might contain them, and the expected result of each.
//!
//! Each is the valid record below with a few fields changed. A server may contain any of them if it
//! was compromised, restored from a partial backup, or written to by a defective program.

#[path = "records/heads.rs"]
mod heads;
#[path = "records/lifetimes.rs"]
mod lifetimes;
#[path = "records/names.rs"]
mod names;
#[path = "records/numbers.rs"]
mod numbers;
#[path = "records/values.rs"]
mod values;

/// A valid record: alice's, with one value and a previous secret within its grace period.
const VALID: &[(&str, &[u8])] = &[
    ("format", b"1"),
    ("version", b"7"),
    ("recent", b"0000000000000007,0000000000000006,"),
    ("writers", b"7 0000000000000007:7,"),
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

/// The same record in format 2.
const VALID_WITH_HEAD: &[(&str, &[u8])] = &[
    ("format", b"2"),
    ("head", b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 7 0000000000000007:7,"),
    ("previous", b"101112131415161718191a1b1c1d1e1f"),
    ("until", b"1764000300000"),
    ("seen", b"1764000300000"),
    ("principal", b"alice"),
    ("since", b"1764000200000"),
    ("label", b"Firefox"),
    ("value:cart", b"1 7 - json {\"items\":[1]}"),
];

/// A change to the valid record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// Replaces the content of a field.
    Set(&'static str, &'static [u8]),
    /// Removes a field.
    Remove(&'static str),
    /// Adds a field, whose name may exist already.
    Add(&'static [u8], &'static [u8]),
    /// Adds a field with this many bytes of content.
    AddLarge(&'static [u8], usize),
    /// Adds this many fields, with this prefix of their names and this content.
    AddMany(&'static str, usize, &'static [u8]),
}

/// The expected result of reading the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The record is equal to the valid one, because the change has no meaning.
    Unchanged,
    /// The record is readable, but differs from the valid one.
    Reads,
    /// The record is readable, but its value `cart` is an error when it is read; this is its
    /// version.
    Unreadable(u64),
    /// A newer version of the library wrote the record.
    Newer,
    /// The record is invalid because of this field.
    Corrupt(&'static str),
}

/// One record: the reason why it is hostile, the changes to the valid one, and the expected result.
type Row = (&'static str, &'static [Change], Expected);

/// One record with all its fields.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) why: &'static str,
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) expected: Expected,
}

/// The fields of the valid record.
pub(crate) fn valid() -> Vec<(Vec<u8>, Vec<u8>)> {
    owned(VALID)
}

/// The fields of the valid record in format 2.
pub(crate) fn valid_with_head() -> Vec<(Vec<u8>, Vec<u8>)> {
    owned(VALID_WITH_HEAD)
}

fn owned(fields: &[(&str, &[u8])]) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|(name, content)| (name.as_bytes().to_vec(), content.to_vec())).collect()
}

pub(crate) fn cases() -> Vec<Case> {
    let families = [numbers::ROWS, lifetimes::ROWS, names::ROWS, values::ROWS];
    let case = |fields: Vec<_>, (why, changes, expected): &Row| Case {
        why,
        fields: changed(fields, changes),
        expected: *expected,
    };
    let separate = families.into_iter().flatten().map(|row| case(valid(), row));
    separate.chain(heads::ROWS.iter().map(|row| case(valid_with_head(), row))).collect()
}

fn changed(mut fields: Vec<(Vec<u8>, Vec<u8>)>, changes: &[Change]) -> Vec<(Vec<u8>, Vec<u8>)> {
    for change in changes {
        match *change {
            Change::Set(name, content) => {
                let field = fields.iter_mut().find(|(present, _)| present == name.as_bytes());
                content.clone_into(&mut field.expect("the valid record has the field").1);
            }
            Change::Remove(name) => fields.retain(|(present, _)| present != name.as_bytes()),
            Change::Add(name, content) => fields.push((name.to_vec(), content.to_vec())),
            Change::AddLarge(name, length) => fields.push((name.to_vec(), vec![b'x'; length])),
            Change::AddMany(name, count, content) => {
                fields.extend((0..count).map(|number| (format!("{name}{number}").into_bytes(), content.to_vec())));
            }
        }
    }
    fields
}
