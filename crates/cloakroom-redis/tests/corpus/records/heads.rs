//! Invalid heads of records of format 2.

use super::Change::{Add, Remove, Set};
use super::Expected::{Corrupt, Newer, Reads, Unchanged};
use super::Row;

const HEAD: &str = "head";
const DAMAGED: super::Expected = Corrupt("head");

/// Changes to the valid record of format 2.
pub(super) const ROWS: &[Row] = &[
    ("no head", &[Remove(HEAD)], DAMAGED),
    ("an empty head", &[Set(HEAD, b"")], DAMAGED),
    ("a head of spaces", &[Set(HEAD, b"       ")], DAMAGED),
    ("a head that is no UTF-8", &[Set(HEAD, b"\xff\xfe")], DAMAGED),
    ("a megabyte of head", &[Set(HEAD, &[b'7'; 1_000_000])], DAMAGED),
    (
        "a head without its writes",
        &[Set(HEAD, b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0")],
        DAMAGED,
    ),
    (
        "a head with an empty list of writes",
        &[Set(HEAD, b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 ")],
        DAMAGED,
    ),
    (
        "a head whose last write lost its comma",
        &[Set(HEAD, b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 0000000000000007:7")],
        DAMAGED,
    ),
    (
        "a head whose newest write made another version",
        &[Set(
            HEAD,
            b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 0000000000000007:6,",
        )],
        DAMAGED,
    ),
    (
        "a head with a nonce too short",
        &[Set(HEAD, b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 000000000000007:7,")],
        DAMAGED,
    ),
    (
        "a head with a nonce in upper case",
        &[Set(
            HEAD,
            b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 00000000000000FF:7,",
        )],
        DAMAGED,
    ),
    (
        "a head with a word too many",
        &[Set(
            HEAD,
            b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 0000000000000007:7, 1",
        )],
        DAMAGED,
    ),
    (
        "a head with a space in front",
        &[Set(
            HEAD,
            b" 7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 0000000000000007:7,",
        )],
        DAMAGED,
    ),
    (
        "a head with a line break behind",
        &[Set(
            HEAD,
            b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 0000000000000007:7,\n",
        )],
        DAMAGED,
    ),
    (
        "a head without a version",
        &[Set(HEAD, b" 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 0000000000000007:7,")],
        DAMAGED,
    ),
    (
        "a head with a negative version",
        &[Set(
            HEAD,
            b"-7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 0000000000000007:7,",
        )],
        DAMAGED,
    ),
    (
        "a head whose version is no number",
        &[Set(
            HEAD,
            b"nan 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 0000000000000007:7,",
        )],
        DAMAGED,
    ),
    (
        "a head with a version beyond what a script counts to",
        &[Set(
            HEAD,
            b"9007199254740993 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 \
              0000000000000007:9007199254740993,",
        )],
        DAMAGED,
    ),
    (
        "a head with a secret too short",
        &[Set(HEAD, b"7 000102030405060708090a0b0c0d0e0 1800000 99999999999999 0 1764000000000 0 0000000000000007:7,")],
        DAMAGED,
    ),
    (
        "a head with a secret in upper case",
        &[Set(
            HEAD,
            b"7 000102030405060708090A0B0C0D0E0F 1800000 99999999999999 0 1764000000000 0 0000000000000007:7,",
        )],
        DAMAGED,
    ),
    (
        "a head with an endless idle timeout in words",
        &[Set(HEAD, b"7 000102030405060708090a0b0c0d0e0f inf 99999999999999 0 1764000000000 0 0000000000000007:7,")],
        DAMAGED,
    ),
    (
        "a head with a deadline in hexadecimal digits",
        &[Set(HEAD, b"7 000102030405060708090a0b0c0d0e0f 1800000 0x7 0 1764000000000 0 0000000000000007:7,")],
        DAMAGED,
    ),
    (
        "a head that is neither persistent nor not",
        &[Set(
            HEAD,
            b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 2 1764000000000 0 0000000000000007:7,",
        )],
        DAMAGED,
    ),
    (
        "a head with a number of thirty digits",
        &[Set(
            HEAD,
            b"7 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 111111111111111111111111111111 0 \
              0000000000000007:7,",
        )],
        DAMAGED,
    ),
    (
        "a head with zeros in front of its version",
        &[Set(
            HEAD,
            b"007 000102030405060708090a0b0c0d0e0f 1800000 99999999999999 0 1764000000000 0 0000000000000007:7,",
        )],
        Reads,
    ),
    ("another secret in the field of format 1", &[Add(b"secret", b"ffffffffffffffffffffffffffffffff")], Unchanged),
    ("another version in the field of format 1", &[Add(b"version", b"9")], Unchanged),
    ("a later end in the field of format 1", &[Add(b"absolute", b"999999999999999")], Unchanged),
    ("the head twice", &[Add(b"head", b"8 ff")], Corrupt("twice")),
    ("the format after the next", &[Set("format", b"3")], Newer),
    ("format 1 with a head in place of its fields", &[Set("format", b"1")], Corrupt("version")),
    ("no instant of the last request", &[Remove("seen")], Corrupt("seen")),
    ("an instant of the last request in words", &[Set("seen", b"now")], Corrupt("seen")),
];
