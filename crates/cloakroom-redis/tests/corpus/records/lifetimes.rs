//! Instants and durations that are none, and logins without half of what they say.

use super::Expected::{Corrupt, Reads, Sound};
use super::Row;
use super::Twist::{Adds, Lacks, Says};

const GREATEST: &[u8] = b"18446744073709551615";

pub(super) const ROWS: &[Row] = &[
    ("no instant of creation", &[Lacks("created")], Corrupt("created")),
    ("created before time began", &[Says("created", b"-1")], Corrupt("created")),
    ("created in seconds with a point", &[Says("created", b"1764000000.000")], Corrupt("created")),
    ("created on a date", &[Says("created", b"2025-11-24T16:00:00Z")], Corrupt("created")),
    ("never seen", &[Lacks("seen")], Corrupt("seen")),
    ("seen at an instant that is no number", &[Says("seen", b"nan")], Corrupt("seen")),
    ("seen infinitely late", &[Says("seen", b"inf")], Corrupt("seen")),
    ("seen at the end of time", &[Says("seen", GREATEST)], Reads),
    ("no idle timeout", &[Lacks("idle")], Corrupt("idle")),
    ("an empty idle timeout", &[Says("idle", b"")], Corrupt("idle")),
    ("an idle timeout that is no number", &[Says("idle", b"nan")], Corrupt("idle")),
    ("an infinite idle timeout", &[Says("idle", b"inf")], Corrupt("idle")),
    ("a negative idle timeout", &[Says("idle", b"-1800000")], Corrupt("idle")),
    ("an idle timeout in powers of ten", &[Says("idle", b"1e400")], Corrupt("idle")),
    ("a hexadecimal idle timeout", &[Says("idle", b"0xFFFF")], Corrupt("idle")),
    ("an idle timeout with a unit", &[Says("idle", b"30m")], Corrupt("idle")),
    ("an idle timeout beyond 64 bits", &[Says("idle", b"99999999999999999999")], Corrupt("idle")),
    ("the longest idle timeout there is", &[Says("idle", GREATEST)], Reads),
    ("an idle timeout of nothing", &[Says("idle", b"0")], Reads),
    ("no absolute end", &[Lacks("absolute")], Corrupt("absolute")),
    ("an absolute end that never comes", &[Says("absolute", b"never")], Corrupt("absolute")),
    ("an absolute end that is no number", &[Says("absolute", b"-nan")], Corrupt("absolute")),
    ("an absolute end at the end of time", &[Says("absolute", GREATEST)], Reads),
    (
        "all instants at the end of time",
        &[Says("absolute", GREATEST), Says("idle", GREATEST), Says("seen", GREATEST), Says("created", GREATEST)],
        Reads,
    ),
    ("a secret before, without its end", &[Lacks("until")], Corrupt("until")),
    ("a secret before, with an end that is none", &[Says("until", b"soon")], Corrupt("until")),
    ("a secret before that was dead at once", &[Says("until", b"0"), Adds(b"replaced", b"1764000300000")], Reads),
    ("a secret before that was dead at once, no one says when", &[Says("until", b"0")], Reads),
    (
        "a secret before that was dead at once, it is unclear when",
        &[Says("until", b"0"), Adds(b"replaced", b"soon")],
        Corrupt("replaced"),
    ),
    ("a secret before, renewed, with a trace of an earlier one", &[Adds(b"replaced", b"soon")], Sound),
    ("a secret before that lives for ever", &[Says("until", GREATEST)], Reads),
    ("a word for persistence", &[Says("persistent", b"yes")], Sound),
    ("no persistence", &[Lacks("persistent")], Sound),
    // The login.
    ("a login without its instant", &[Lacks("since")], Corrupt("since")),
    ("a login at no instant", &[Says("since", b"yesterday")], Corrupt("since")),
    ("a principal that is no UTF-8", &[Says("principal", b"\xc3\x28")], Corrupt("principal")),
    ("a principal cut in the middle of a character", &[Says("principal", b"\xf0\x9f\xa6")], Corrupt("principal")),
    ("an empty principal", &[Says("principal", b"")], Reads),
    ("a principal of 257 bytes", &[Says("principal", &[b'a'; 257])], Reads),
    ("a principal with line breaks", &[Says("principal", b"alice\r\nadmin")], Reads),
    ("a label that is no UTF-8", &[Says("label", b"\xff\xfe")], Reads),
];
