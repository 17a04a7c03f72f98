//! Oversized headers: at most 16 KiB and 180 pairs are read, and a header that exceeds either is
//! not trusted at all.

use super::Expected::{Absent, Ambiguous, Live, Malformed, Oversized};
use super::Row;

const TOKEN: &[u8] = b"__Host-session={live}";
const EMPTY: &[u8] = b"";
const PAIR: &[u8] = b"a=b";
const KIB_4: &[u8] = &[b'x'; 4096];

pub(super) const ROWS: &[Row] = &[
    ("100 fields of 4 KiB", &[KIB_4; 100], Oversized),
    ("4 fields of 4 KiB", &[KIB_4; 4], Absent),
    ("the token behind 16 KiB", &[KIB_4, KIB_4, KIB_4, KIB_4, TOKEN], Oversized),
    ("the token in front of 16 KiB", &[TOKEN, KIB_4, KIB_4, KIB_4, KIB_4], Oversized),
    ("the token amid 12 KiB", &[KIB_4, KIB_4, TOKEN, KIB_4], Live),
    ("one field of 16 KiB", &[&[b'x'; 16 << 10]], Absent),
    ("one field of 16 KiB and a byte", &[&[b'x'; (16 << 10) + 1]], Oversized),
    ("one field of 16 KiB and an empty one", &[&[b'x'; 16 << 10], b""], Absent),
    ("one field of 1 MiB", &[&[b'x'; 1 << 20]], Oversized),
    ("1 MiB of separators", &[&[b';'; 1 << 20]], Oversized),
    ("1 MiB of equals signs", &[&[b'='; 1 << 20]], Oversized),
    ("1 MiB of spaces", &[&[b' '; 1 << 20]], Oversized),
    ("16 KiB of equals signs", &[&[b'='; 16 << 10]], Absent),
    ("16 KiB of spaces", &[&[b' '; 16 << 10]], Absent),
    ("16 KiB of tabs", &[&[b'\t'; 16 << 10]], Absent),
    ("16 KiB of underscores", &[&[b'_'; 16 << 10]], Absent),
    ("16 KiB of quotes", &[&[b'"'; 16 << 10]], Absent),
    ("16 KiB of bytes that are not UTF-8", &[&[0xff; 16 << 10]], Absent),
    ("179 separators make 180 pairs", &[&[b';'; 179]], Absent),
    ("180 separators make 181 pairs", &[&[b';'; 180]], Oversized),
    ("180 fields", &[PAIR; 180], Absent),
    ("181 fields", &[PAIR; 181], Oversized),
    ("181 empty fields", &[EMPTY; 181], Oversized),
    ("181 times the same token", &[TOKEN; 181], Oversized),
    ("180 times the same token", &[TOKEN; 180], Live),
    ("the token and 179 empty pairs", &[TOKEN, &[b';'; 178]], Live),
    ("the token and 180 empty pairs", &[TOKEN, &[b';'; 179]], Oversized),
    ("two tokens and 180 empty pairs", &[TOKEN, b"__Host-session={other}", &[b';'; 179]], Oversized),
    ("two tokens and 12 KiB", &[TOKEN, KIB_4, KIB_4, KIB_4, b"__Host-session={other}"], Ambiguous),
    (
        "a token that goes on and on",
        &[b"__Host-session={live}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
        Malformed,
    ),
];
