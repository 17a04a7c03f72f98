//! Control characters, which end headers and strings and drive terminals. RFC 9110 §5.5 requires
//! that servers reject them.

use super::Expected::Refused;
use super::Row;

pub(super) const ROWS: &[Row] = &[
    ("a NUL behind the name", &[b"__Host-session\0={live}"], Refused),
    ("a NUL in front of the name", &[b"\0__Host-session={live}"], Refused),
    ("a NUL behind the token", &[b"__Host-session={live}\0"], Refused),
    ("a NUL in a sibling", &[b"a=\0; __Host-session={live}"], Refused),
    ("only a NUL", &[b"\0"], Refused),
    ("a CR behind the token", &[b"__Host-session={live}\r"], Refused),
    ("a LF behind the token", &[b"__Host-session={live}\n"], Refused),
    ("a CR for the separator", &[b"a=b\r__Host-session={live}"], Refused),
    ("a LF for the separator", &[b"a=b\n__Host-session={live}"], Refused),
    ("a second header", &[b"__Host-session={live}\r\nX-User: admin"], Refused),
    ("a folded line", &[b"a=b;\r\n __Host-session={live}"], Refused),
    ("a vertical tab in front of the name", &[b"\x0b__Host-session={live}"], Refused),
    ("a form feed in front of the name", &[b"\x0c__Host-session={live}"], Refused),
    ("a group separator in front of the name", &[b"\x1d__Host-session={live}"], Refused),
    ("a backspace in the name", &[b"__Host-sessionX\x08={live}"], Refused),
    ("an escape sequence", &[b"a=\x1b[2J; __Host-session={live}"], Refused),
    ("a DEL in the token", &[b"__Host-session={head}\x7f"], Refused),
];
