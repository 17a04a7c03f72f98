//! Duplicate fields, unknown or invalid field names, and too many fields.

use super::Change::{Add, AddLarge, AddMany};
use super::Expected::{Corrupt, Unchanged};
use super::Row;

pub(super) const ROWS: &[Row] = &[
    // Duplicates: neither the first nor the last one may win.
    ("the secret twice, an attacker's last", &[Add(b"secret", b"ffffffffffffffffffffffffffffffff")], Corrupt("twice")),
    ("the same secret twice", &[Add(b"secret", b"000102030405060708090a0b0c0d0e0f")], Corrupt("twice")),
    ("the principal twice", &[Add(b"principal", b"admin")], Corrupt("twice")),
    ("the version twice", &[Add(b"version", b"8")], Corrupt("twice")),
    ("the format twice", &[Add(b"format", b"2")], Corrupt("twice")),
    ("a value twice", &[Add(b"value:cart", b"1 7 - json {}")], Corrupt("twice")),
    ("an unknown field twice", &[Add(b"shoe", b"44"), Add(b"shoe", b"45")], Corrupt("twice")),
    // Unknown names.
    ("an unknown field", &[Add(b"shoe", b"44")], Unchanged),
    ("a field without a name", &[Add(b"", b"x")], Unchanged),
    ("a name that is no UTF-8", &[Add(b"\xff\xfe", b"x")], Unchanged),
    ("a name with a NUL", &[Add(b"secret\0", b"ffffffffffffffffffffffffffffffff")], Unchanged),
    ("a name in upper case", &[Add(b"SECRET", b"ffffffffffffffffffffffffffffffff")], Unchanged),
    ("a name with a space behind", &[Add(b"principal ", b"admin")], Unchanged),
    ("a name with a line break", &[Add(b"principal\r\n", b"admin")], Unchanged),
    ("a Cyrillic name", &[Add("prin\u{441}ipal".as_bytes(), b"admin")], Unchanged),
    ("values with another prefix", &[Add(b"Value:cart", b"1 7 - json {}")], Unchanged),
    // Names that no value can have, because keys are checked at compile time.
    ("a value without a key", &[Add(b"value:", b"1 7 - json {}")], Corrupt("value")),
    ("a key in upper case", &[Add(b"value:Cart", b"1 7 - json {}")], Corrupt("value")),
    ("a key with a space", &[Add(b"value:my cart", b"1 7 - json {}")], Corrupt("value")),
    ("a key with a colon", &[Add(b"value:value:cart", b"1 7 - json {}")], Corrupt("value")),
    ("a key with a slash", &[Add(b"value:../../etc/passwd", b"1 7 - json {}")], Corrupt("value")),
    ("a key with a NUL", &[Add(b"value:cart\0", b"1 7 - json {}")], Corrupt("value")),
    ("a key that is no UTF-8", &[Add(b"value:\xff", b"1 7 - json {}")], Corrupt("value")),
    ("a key of another alphabet", &[Add("value:\u{441}art".as_bytes(), b"1 7 - json {}")], Corrupt("value")),
    (
        "a key of 65 letters",
        &[Add(b"value:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b"1 7 - json {}")],
        Corrupt("value"),
    ),
    // Too much data.
    ("an unknown field of a megabyte", &[AddLarge(b"shoe", 1 << 20)], Unchanged),
    ("ten thousand unknown fields", &[AddMany("shoe", 10_000, b"44")], Corrupt("fields")),
    ("ten thousand values", &[AddMany("value:", 10_000, b"1 7 - json 1")], Corrupt("fields")),
    ("ten thousand values that were removed", &[AddMany("value:", 10_000, b"1 7 - removed")], Corrupt("fields")),
];
