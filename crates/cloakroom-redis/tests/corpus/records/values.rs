//! Invalid values: each is an error only for its own readers.

use super::Change::Set;
use super::Expected::{Reads, Unreadable};
use super::Row;

pub(super) const ROWS: &[Row] = &[
    ("nothing", &[Set("value:cart", b"")], Unreadable(7)),
    ("the form alone", &[Set("value:cart", b"1")], Unreadable(7)),
    ("the form and a space", &[Set("value:cart", b"1 ")], Unreadable(7)),
    ("the form and a version", &[Set("value:cart", b"1 5")], Unreadable(7)),
    ("no payload", &[Set("value:cart", b"1 5 -")], Unreadable(5)),
    ("no payload, and a space", &[Set("value:cart", b"1 5 - ")], Unreadable(5)),
    ("a payload cut in its word", &[Set("value:cart", b"1 5 - jso")], Unreadable(5)),
    ("the word without a payload", &[Set("value:cart", b"1 5 - json")], Unreadable(5)),
    ("JSON alone", &[Set("value:cart", b"{\"items\":[1]}")], Unreadable(7)),
    ("bytes that are no UTF-8", &[Set("value:cart", b"\xff\xfe\xfd")], Unreadable(7)),
    ("only spaces", &[Set("value:cart", b"    ")], Unreadable(7)),
    ("two spaces for one", &[Set("value:cart", b"1  5 - json {}")], Unreadable(7)),
    ("a tab for a space", &[Set("value:cart", b"1\t5 - json {}")], Unreadable(7)),
    // A value of an unknown format keeps its stated version.
    ("the next form", &[Set("value:cart", b"2 5 whatever")], Unreadable(5)),
    ("another encoding", &[Set("value:cart", b"1 5 - cbor \xa1")], Unreadable(5)),
    ("the encoding in upper case", &[Set("value:cart", b"1 5 - JSON {}")], Unreadable(5)),
    ("a form of another alphabet", &[Set("value:cart", "１ 5 - json {}".as_bytes())], Unreadable(7)),
    ("a negative form", &[Set("value:cart", b"-1 5 - json {}")], Unreadable(7)),
    // Invalid numbers.
    ("a negative version", &[Set("value:cart", b"1 -5 - json {}")], Unreadable(7)),
    ("a version with a plus", &[Set("value:cart", b"1 +5 - json {}")], Unreadable(7)),
    ("a hexadecimal version", &[Set("value:cart", b"1 0x5 - json {}")], Unreadable(7)),
    ("a version beyond 64 bits", &[Set("value:cart", b"1 18446744073709551616 - json {}")], Unreadable(7)),
    ("a version from the future", &[Set("value:cart", b"1 9 - json {}")], Reads),
    ("fresh until a word", &[Set("value:cart", b"1 5 soon json {}")], Unreadable(5)),
    ("fresh until before time began", &[Set("value:cart", b"1 5 -1 json {}")], Unreadable(5)),
    ("fresh until beyond 64 bits", &[Set("value:cart", b"1 5 99999999999999999999 json {}")], Unreadable(5)),
    ("fresh until the end of time", &[Set("value:cart", b"1 5 18446744073709551615 json {}")], Reads),
    // Removed and absent values with trailing data.
    ("a removal with a payload", &[Set("value:cart", b"1 5 - removed {}")], Unreadable(5)),
    ("an absence with a line break", &[Set("value:cart", b"1 5 - absent\n")], Unreadable(5)),
    ("a removal with a NUL", &[Set("value:cart", b"1 5 - removed\0")], Unreadable(5)),
    // Invalid JSON is reported only when the value is read, because it affects no other value.
    ("an empty payload", &[Set("value:cart", b"1 5 - json ")], Reads),
    ("a payload that is cut", &[Set("value:cart", b"1 5 - json {\"items\":[1")], Reads),
    ("a payload that is no UTF-8", &[Set("value:cart", b"1 5 - json \"\xff\"")], Reads),
    ("a payload of a hundred thousand brackets", &[Set("value:cart", &brackets::<100_011>())], Reads),
    ("a payload of two megabytes", &[Set("value:cart", &digits::<2_097_152>())], Reads),
];

/// A value with as many nested arrays as it has bytes.
const fn brackets<const LENGTH: usize>() -> [u8; LENGTH] {
    value(b'[')
}

const fn digits<const LENGTH: usize>() -> [u8; LENGTH] {
    value(b'1')
}

const fn value<const LENGTH: usize>(of: u8) -> [u8; LENGTH] {
    let (head, mut text, mut at) = (b"1 5 - json ", [of; LENGTH], 0);
    while at < head.len() {
        text[at] = head[at];
        at += 1;
    }
    text
}
