//! Several fields, and bytes that no field may contain.

use super::Expected::{Ambiguous, Refused};
use super::Row;

pub(super) const ROWS: &[Row] = &[
    ("two different tokens", &[b"Bearer {live}", b"Bearer {other}"], Ambiguous),
    ("the same in the other order", &[b"Bearer {other}", b"Bearer {live}"], Ambiguous),
    ("the same token twice", &[b"Bearer {live}", b"Bearer {live}"], Ambiguous),
    ("the same token in two spellings", &[b"Bearer {live}", b"bearer  {live}"], Ambiguous),
    ("another scheme behind", &[b"Bearer {live}", b"Basic YTpi"], Ambiguous),
    ("another scheme in front", &[b"Basic YTpi", b"Bearer {live}"], Ambiguous),
    ("an empty field behind", &[b"Bearer {live}", b""], Ambiguous),
    ("an empty field in front", &[b"", b"Bearer {live}"], Ambiguous),
    ("a token split over two fields", &[b"Bearer", b"{live}"], Ambiguous),
    ("three fields", &[b"Bearer {other}", b"Bearer {live}", b"Bearer {other}"], Ambiguous),
    ("a line break behind", &[b"Bearer {live}\r\nX: y"], Refused),
    ("a bare line feed", &[b"Bearer\n{live}"], Refused),
    ("a bare carriage return", &[b"Bearer\r{live}"], Refused),
    ("a NUL", &[b"Bearer {live}\0"], Refused),
    ("a NUL for the space", &[b"Bearer\0{live}"], Refused),
    ("a DEL", &[b"Bearer {live}\x7f"], Refused),
    ("an escape character", &[b"Bearer \x1b[2J{live}"], Refused),
];
