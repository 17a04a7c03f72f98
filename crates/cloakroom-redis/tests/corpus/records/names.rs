//! Fields twice, fields under foreign names, and more fields than anybody has.

use super::Expected::{Corrupt, Sound};
use super::Row;
use super::Twist::{Adds, Crowds, Swells};

pub(super) const ROWS: &[Row] = &[
    // Twice: neither the first nor the last one wins.
    ("the secret twice, an attacker's last", &[Adds(b"secret", b"ffffffffffffffffffffffffffffffff")], Corrupt("twice")),
    ("the same secret twice", &[Adds(b"secret", b"000102030405060708090a0b0c0d0e0f")], Corrupt("twice")),
    ("the principal twice", &[Adds(b"principal", b"admin")], Corrupt("twice")),
    ("the version twice", &[Adds(b"version", b"8")], Corrupt("twice")),
    ("the format twice", &[Adds(b"format", b"2")], Corrupt("twice")),
    ("a value twice", &[Adds(b"value:cart", b"1 7 - json {}")], Corrupt("twice")),
    ("an unknown field twice", &[Adds(b"shoe", b"44"), Adds(b"shoe", b"45")], Corrupt("twice")),
    // Foreign names.
    ("an unknown field", &[Adds(b"shoe", b"44")], Sound),
    ("a field without a name", &[Adds(b"", b"x")], Sound),
    ("a name that is no UTF-8", &[Adds(b"\xff\xfe", b"x")], Sound),
    ("a name with a NUL", &[Adds(b"secret\0", b"ffffffffffffffffffffffffffffffff")], Sound),
    ("a name in upper case", &[Adds(b"SECRET", b"ffffffffffffffffffffffffffffffff")], Sound),
    ("a name with a space behind", &[Adds(b"principal ", b"admin")], Sound),
    ("a name with a line break", &[Adds(b"principal\r\n", b"admin")], Sound),
    ("a Cyrillic name", &[Adds("prin\u{441}ipal".as_bytes(), b"admin")], Sound),
    ("values with another prefix", &[Adds(b"Value:cart", b"1 7 - json {}")], Sound),
    // Names that no value can have, as its key is checked when a program is compiled.
    ("a value without a key", &[Adds(b"value:", b"1 7 - json {}")], Corrupt("value")),
    ("a key in upper case", &[Adds(b"value:Cart", b"1 7 - json {}")], Corrupt("value")),
    ("a key with a space", &[Adds(b"value:my cart", b"1 7 - json {}")], Corrupt("value")),
    ("a key with a colon", &[Adds(b"value:value:cart", b"1 7 - json {}")], Corrupt("value")),
    ("a key with a slash", &[Adds(b"value:../../etc/passwd", b"1 7 - json {}")], Corrupt("value")),
    ("a key with a NUL", &[Adds(b"value:cart\0", b"1 7 - json {}")], Corrupt("value")),
    ("a key that is no UTF-8", &[Adds(b"value:\xff", b"1 7 - json {}")], Corrupt("value")),
    ("a key of another alphabet", &[Adds("value:\u{441}art".as_bytes(), b"1 7 - json {}")], Corrupt("value")),
    (
        "a key of 65 letters",
        &[Adds(b"value:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b"1 7 - json {}")],
        Corrupt("value"),
    ),
    // More than anybody has.
    ("an unknown field of a megabyte", &[Swells(b"shoe", 1 << 20)], Sound),
    ("ten thousand unknown fields", &[Crowds("shoe", 10_000, b"44")], Corrupt("fields")),
    ("ten thousand values", &[Crowds("value:", 10_000, b"1 7 - json 1")], Corrupt("fields")),
    ("ten thousand values that were removed", &[Crowds("value:", 10_000, b"1 7 - removed")], Corrupt("fields")),
];
