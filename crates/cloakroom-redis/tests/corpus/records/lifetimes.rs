//! Invalid instants and durations, and logins with missing or invalid fields.

use super::Change::{Add, Remove, Set};
use super::Expected::{Corrupt, Reads, Unchanged};
use super::Row;

const GREATEST: &[u8] = b"18446744073709551615";

pub(super) const ROWS: &[Row] = &[
    ("no instant of creation", &[Remove("created")], Corrupt("created")),
    ("created before time began", &[Set("created", b"-1")], Corrupt("created")),
    ("created in seconds with a point", &[Set("created", b"1764000000.000")], Corrupt("created")),
    ("created on a date", &[Set("created", b"2025-11-24T16:00:00Z")], Corrupt("created")),
    ("never seen", &[Remove("seen")], Corrupt("seen")),
    ("seen at an instant that is no number", &[Set("seen", b"nan")], Corrupt("seen")),
    ("seen infinitely late", &[Set("seen", b"inf")], Corrupt("seen")),
    ("seen at the end of time", &[Set("seen", GREATEST)], Reads),
    ("no idle timeout", &[Remove("idle")], Corrupt("idle")),
    ("an empty idle timeout", &[Set("idle", b"")], Corrupt("idle")),
    ("an idle timeout that is no number", &[Set("idle", b"nan")], Corrupt("idle")),
    ("an infinite idle timeout", &[Set("idle", b"inf")], Corrupt("idle")),
    ("a negative idle timeout", &[Set("idle", b"-1800000")], Corrupt("idle")),
    ("an idle timeout in powers of ten", &[Set("idle", b"1e400")], Corrupt("idle")),
    ("a hexadecimal idle timeout", &[Set("idle", b"0xFFFF")], Corrupt("idle")),
    ("an idle timeout with a unit", &[Set("idle", b"30m")], Corrupt("idle")),
    ("an idle timeout beyond 64 bits", &[Set("idle", b"99999999999999999999")], Corrupt("idle")),
    ("the longest idle timeout there is", &[Set("idle", GREATEST)], Reads),
    ("an idle timeout of nothing", &[Set("idle", b"0")], Reads),
    ("no absolute end", &[Remove("absolute")], Corrupt("absolute")),
    ("an absolute end that never comes", &[Set("absolute", b"never")], Corrupt("absolute")),
    ("an absolute end that is no number", &[Set("absolute", b"-nan")], Corrupt("absolute")),
    ("an absolute end at the end of time", &[Set("absolute", GREATEST)], Reads),
    (
        "all instants at the end of time",
        &[Set("absolute", GREATEST), Set("idle", GREATEST), Set("seen", GREATEST), Set("created", GREATEST)],
        Reads,
    ),
    ("a secret before, without its end", &[Remove("until")], Corrupt("until")),
    ("a secret before, with an end that is none", &[Set("until", b"soon")], Corrupt("until")),
    ("a secret before that was dead at once", &[Set("until", b"0"), Add(b"replaced", b"1764000300000")], Reads),
    ("a secret before that was dead at once, no one says when", &[Set("until", b"0")], Reads),
    (
        "a secret before that was dead at once, it is unclear when",
        &[Set("until", b"0"), Add(b"replaced", b"soon")],
        Corrupt("replaced"),
    ),
    ("a secret before, renewed, with a trace of an earlier one", &[Add(b"replaced", b"soon")], Unchanged),
    ("a secret before that lives for ever", &[Set("until", GREATEST)], Reads),
    ("a word for persistence", &[Set("persistent", b"yes")], Unchanged),
    ("no persistence", &[Remove("persistent")], Unchanged),
    // Logins.
    ("a login without its instant", &[Remove("since")], Corrupt("since")),
    ("a login at no instant", &[Set("since", b"yesterday")], Corrupt("since")),
    ("a principal that is no UTF-8", &[Set("principal", b"\xc3\x28")], Corrupt("principal")),
    ("a principal cut in the middle of a character", &[Set("principal", b"\xf0\x9f\xa6")], Corrupt("principal")),
    ("an empty principal", &[Set("principal", b"")], Reads),
    ("a principal of 257 bytes", &[Set("principal", &[b'a'; 257])], Reads),
    ("a principal with line breaks", &[Set("principal", b"alice\r\nadmin")], Reads),
    ("a label that is no UTF-8", &[Set("label", b"\xff\xfe")], Reads),
];
