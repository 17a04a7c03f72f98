//! Values that are none: each is an error for whoever asks for it and disturbs nothing else.

use super::Expected::{Reads, Unreadable};
use super::Row;
use super::Twist::Says;

pub(super) const ROWS: &[Row] = &[
    ("nothing", &[Says("value:cart", b"")], Unreadable(7)),
    ("the form alone", &[Says("value:cart", b"1")], Unreadable(7)),
    ("the form and a space", &[Says("value:cart", b"1 ")], Unreadable(7)),
    ("the form and a version", &[Says("value:cart", b"1 5")], Unreadable(7)),
    ("no payload", &[Says("value:cart", b"1 5 -")], Unreadable(5)),
    ("no payload, and a space", &[Says("value:cart", b"1 5 - ")], Unreadable(5)),
    ("a payload cut in its word", &[Says("value:cart", b"1 5 - jso")], Unreadable(5)),
    ("the word without a payload", &[Says("value:cart", b"1 5 - json")], Unreadable(5)),
    ("JSON alone", &[Says("value:cart", b"{\"items\":[1]}")], Unreadable(7)),
    ("bytes that are no UTF-8", &[Says("value:cart", b"\xff\xfe\xfd")], Unreadable(7)),
    ("only spaces", &[Says("value:cart", b"    ")], Unreadable(7)),
    ("two spaces for one", &[Says("value:cart", b"1  5 - json {}")], Unreadable(7)),
    ("a tab for a space", &[Says("value:cart", b"1\t5 - json {}")], Unreadable(7)),
    // A form that is not known keeps the version that it says.
    ("the next form", &[Says("value:cart", b"2 5 whatever")], Unreadable(5)),
    ("another encoding", &[Says("value:cart", b"1 5 - cbor \xa1")], Unreadable(5)),
    ("the encoding in upper case", &[Says("value:cart", b"1 5 - JSON {}")], Unreadable(5)),
    ("a form of another alphabet", &[Says("value:cart", "１ 5 - json {}".as_bytes())], Unreadable(7)),
    ("a negative form", &[Says("value:cart", b"-1 5 - json {}")], Unreadable(7)),
    // Numbers that lie.
    ("a negative version", &[Says("value:cart", b"1 -5 - json {}")], Unreadable(7)),
    ("a version with a plus", &[Says("value:cart", b"1 +5 - json {}")], Unreadable(7)),
    ("a hexadecimal version", &[Says("value:cart", b"1 0x5 - json {}")], Unreadable(7)),
    ("a version beyond 64 bits", &[Says("value:cart", b"1 18446744073709551616 - json {}")], Unreadable(7)),
    ("a version from the future", &[Says("value:cart", b"1 9 - json {}")], Reads),
    ("fresh until a word", &[Says("value:cart", b"1 5 soon json {}")], Unreadable(5)),
    ("fresh until before time began", &[Says("value:cart", b"1 5 -1 json {}")], Unreadable(5)),
    ("fresh until beyond 64 bits", &[Says("value:cart", b"1 5 99999999999999999999 json {}")], Unreadable(5)),
    ("fresh until the end of time", &[Says("value:cart", b"1 5 18446744073709551615 json {}")], Reads),
    // Removals and absences with something behind them.
    ("a removal with a payload", &[Says("value:cart", b"1 5 - removed {}")], Unreadable(5)),
    ("an absence with a line break", &[Says("value:cart", b"1 5 - absent\n")], Unreadable(5)),
    ("a removal with a NUL", &[Says("value:cart", b"1 5 - removed\0")], Unreadable(5)),
    // What is no JSON is found out by whoever asks, as it costs nobody else anything.
    ("an empty payload", &[Says("value:cart", b"1 5 - json ")], Reads),
    ("a payload that is cut", &[Says("value:cart", b"1 5 - json {\"items\":[1")], Reads),
    ("a payload that is no UTF-8", &[Says("value:cart", b"1 5 - json \"\xff\"")], Reads),
    ("a payload of a hundred thousand brackets", &[Says("value:cart", &brackets::<100_011>())], Reads),
    ("a payload of two megabytes", &[Says("value:cart", &digits::<2_097_152>())], Reads),
];

/// A value that nests as deep as it is long.
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
