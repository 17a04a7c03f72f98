//! Formats, versions, nonces and secrets that are none.

use super::Expected::{Corrupt, Newer, Reads};
use super::Row;
use super::Twist::{Lacks, Says};

pub(super) const ROWS: &[Row] = &[
    // The format: what is not known is not guessed at.
    ("no format", &[Lacks("format")], Corrupt("format")),
    ("an empty format", &[Says("format", b"")], Newer),
    ("the next format", &[Says("format", b"2")], Newer),
    ("the format before the first", &[Says("format", b"0")], Newer),
    ("a negative format", &[Says("format", b"-1")], Newer),
    ("a format with a zero in front", &[Says("format", b"01")], Newer),
    ("a format with a space behind", &[Says("format", b"1 ")], Newer),
    ("a format with a line break, as for a protocol", &[Says("format", b"1\r\n+OK\r\n")], Newer),
    ("a format with a NUL", &[Says("format", b"1\0")], Newer),
    ("a format that is no UTF-8", &[Says("format", b"\xff")], Corrupt("format")),
    ("a format of another alphabet", &[Says("format", "١".as_bytes())], Newer),
    ("a format of escape sequences", &[Says("format", b"\x1b[2J\x1b[1;31m")], Newer),
    ("a very long format", &[Says("format", &[b'9'; 100_000])], Newer),
    // The version.
    ("no version", &[Lacks("version")], Corrupt("version")),
    ("an empty version", &[Says("version", b"")], Corrupt("version")),
    ("a version in words", &[Says("version", b"seven")], Corrupt("version")),
    ("a negative version", &[Says("version", b"-7")], Corrupt("version")),
    ("a version with a plus", &[Says("version", b"+7")], Corrupt("version")),
    ("a version with a space in front", &[Says("version", b" 7")], Corrupt("version")),
    ("a version with a line break behind", &[Says("version", b"7\n")], Corrupt("version")),
    ("a fraction of a version", &[Says("version", b"7.0")], Corrupt("version")),
    ("a version in powers of ten", &[Says("version", b"7e0")], Corrupt("version")),
    ("a hexadecimal version", &[Says("version", b"0x7")], Corrupt("version")),
    ("an infinite version", &[Says("version", b"inf")], Corrupt("version")),
    ("a version that is no number", &[Says("version", b"nan")], Corrupt("version")),
    ("a version in full-width digits", &[Says("version", "７".as_bytes())], Corrupt("version")),
    ("a version in Arabic digits", &[Says("version", "٧".as_bytes())], Corrupt("version")),
    ("a version one beyond 64 bits", &[Says("version", b"18446744073709551616")], Corrupt("version")),
    ("a version of a thousand digits", &[Says("version", &[b'9'; 1000])], Corrupt("version")),
    ("a version of a million zeros", &[Says("version", &[b'0'; 1_000_000])], Corrupt("version")),
    ("a version beyond what a script counts to", &[Says("version", b"9007199254740993")], Corrupt("version")),
    ("the greatest version of 64 bits", &[Says("version", b"18446744073709551615")], Corrupt("version")),
    ("version zero", &[Says("version", b"0")], Reads),
    // The nonces.
    ("no nonces", &[Lacks("recent")], Corrupt("recent")),
    ("an empty list of nonces", &[Says("recent", b"")], Corrupt("recent")),
    ("a nonce too short", &[Says("recent", b"000000000000007,")], Corrupt("recent")),
    ("a nonce with a sign", &[Says("recent", b"+000000000000007,")], Corrupt("recent")),
    ("a nonce in upper case", &[Says("recent", b"00000000000000FF,")], Corrupt("recent")),
    ("a nonce that is no number", &[Says("recent", b"000000000000000g,")], Corrupt("recent")),
    (
        "a character cut in half by the nonce's end",
        &[Says("recent", "000000000000000é,".as_bytes())],
        Corrupt("recent"),
    ),
    ("nonces that are no UTF-8", &[Says("recent", b"\xff000000000000007,")], Corrupt("recent")),
    ("a megabyte of nonces", &[Says("recent", &[b'0'; 1_000_000])], Reads),
    // What is kept of the secrets.
    ("no secret", &[Lacks("secret")], Corrupt("secret")),
    ("an empty secret", &[Says("secret", b"")], Corrupt("secret")),
    ("a secret in upper case", &[Says("secret", b"000102030405060708090A0B0C0D0E0F")], Corrupt("secret")),
    ("a secret one digit short", &[Says("secret", b"000102030405060708090a0b0c0d0e0")], Corrupt("secret")),
    ("a secret one digit long", &[Says("secret", b"000102030405060708090a0b0c0d0e0f0")], Corrupt("secret")),
    ("a secret with a sign", &[Says("secret", b"+00102030405060708090a0b0c0d0e0f")], Corrupt("secret")),
    ("a secret with a space", &[Says("secret", b" 00102030405060708090a0b0c0d0e0f")], Corrupt("secret")),
    (
        "a secret as bytes",
        &[Says("secret", b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f")],
        Corrupt("secret"),
    ),
    ("a secret with a NUL behind", &[Says("secret", b"000102030405060708090a0b0c0d0e0f\0")], Corrupt("secret")),
    ("a secret in base64url", &[Says("secret", b"AAECAwQFBgcICQoLDA0ODw")], Corrupt("secret")),
    ("an empty secret before", &[Says("previous", b"")], Corrupt("previous")),
    ("a broken secret before", &[Says("previous", b"zz")], Corrupt("previous")),
];
