//! The hostile records of `tests/corpus`, decoded without a server.

use std::collections::BTreeMap;

use cloakroom::store::{Payload, Record};

use super::{Malformed, decode, fields};
use crate::record_format::RecordFormat;
use crate::wire::Fields;

#[path = "../../../tests/corpus/records.rs"]
mod records;

use records::{Case, Expected, cases, valid};

fn read(written: &[(Vec<u8>, Vec<u8>)]) -> Result<Record, Malformed> {
    let pairs: Vec<_> = written.iter().map(|(name, content)| (name.as_slice(), content.as_slice())).collect();
    decode(&Fields::of(&pairs))
}

fn outcome(case: &Case) -> Expected {
    match read(&case.fields) {
        Err(Malformed::Format(_)) => Expected::Newer,
        Err(Malformed::Field(field)) => Expected::Corrupt(field),
        Err(Malformed::Twice) => Expected::Corrupt("twice"),
        Err(Malformed::Crowded) => Expected::Corrupt("fields"),
        Ok(record) if Ok(&record) == read(&valid()).as_ref() => Expected::Unchanged,
        Ok(record) => unreadable(&record).map_or(Expected::Reads, Expected::Unreadable),
    }
}

/// The version of the unreadable value, if there is one.
fn unreadable(record: &Record) -> Option<u64> {
    let marked = |payload: &Payload| matches!(payload, Payload::Present(bytes) if bytes.first() == Some(&0));
    record.values.iter().find(|value| marked(&value.payload)).map(|value| value.version)
}

#[test]
fn r58_every_hostile_record_comes_to_what_it_should() {
    let cases = cases();
    assert!(cases.len() >= 120, "only {} cases", cases.len());
    for case in &cases {
        assert_eq!(outcome(case), case.expected, "{}", case.why);
    }
}

#[test]
fn r58_a_bit_that_flips_is_noticed_or_changes_one_field_and_no_other() {
    let written = valid();
    let original = read(&written).expect("the valid record is valid");
    let mut read_all_the_same = 0;
    for (at, (name, content)) in written.iter().enumerate() {
        for bit in 0..content.len() * 8 {
            let mut flipped = written.clone();
            flipped[at].1[bit / 8] ^= 1 << (bit % 8);
            let Ok(record) = read(&flipped) else { continue };
            read_all_the_same += 1;
            let differing = differing(&original, &record);
            let name = String::from_utf8_lossy(name);
            assert!(only(&name, &differing), "bit {bit} of `{name}` changed {differing:?}");
        }
    }
    assert!(read_all_the_same > 100, "only refusals: the test checks nothing");
}

/// Returns `true` if nothing differs but this field and what depends on it: if the last write does
/// not match the record, the other writes are unknown.
fn only(name: &str, differing: &[String]) -> bool {
    let follows = matches!(name, "version" | "recent");
    differing.iter().all(|field| field == name || follows && field == "writers")
}

/// The fields in which two records differ, by their names on the server.
fn differing(one: &Record, other: &Record) -> Vec<String> {
    let by_name = |record: &Record| -> BTreeMap<String, Vec<u8>> {
        let written = fields(record, RecordFormat::V1);
        written.chunks(2).map(|pair| (String::from_utf8_lossy(&pair[0]).into_owned(), pair[1].clone())).collect()
    };
    let (one, other) = (by_name(one), by_name(other));
    one.keys().chain(other.keys()).filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

#[test]
fn r58_a_record_that_is_cut_anywhere_never_becomes_another_login() {
    let written = valid();
    let original = read(&written).expect("the valid record is valid");
    for (at, (name, content)) in written.iter().enumerate() {
        for length in 0..content.len() {
            let mut cut = written.clone();
            cut[at].1.truncate(length);
            let Ok(record) = read(&cut) else { continue };
            let name = String::from_utf8_lossy(name);
            // A number that lost digits is another number, so only its own field differs.
            assert!(only(&name, &differing(&original, &record)), "`{name}` cut to {length}");
        }
    }
}

#[test]
fn the_valid_record_is_the_same_in_both_formats() {
    assert_eq!(read(&records::valid_with_head()), read(&valid()));
}
