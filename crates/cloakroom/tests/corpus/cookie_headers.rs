//! Hostile `Cookie` headers, and their expected results.
//!
//! The headers are templates, because their token has to be that of a live session:
//!
//! | placeholder | replaced by |
//! |---|---|
//! | `{live}` | the text of the live token, 43 characters |
//! | `{head}` | that text without its last character |
//! | `{spare}` | that text with an unused bit set |
//! | `{other}` | a well-formed token that was never issued |

mod bytes;
mod names;
mod siblings;
mod sizes;
mod tokens;

use super::templates::filled;

/// The cookie name under attack.
pub(crate) const NAME: &str = "__Host-session";

/// The expected result of a header. Everything but `Live` is a request without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The live session: the rest of the header changes nothing.
    Live,
    /// There is no cookie of this name.
    Absent,
    /// The cookie's value is not a token.
    Malformed,
    /// A well-formed token, but of no session.
    Unknown,
    /// Cookies of this name with different tokens.
    Ambiguous,
    /// More than the reader accepts.
    Oversized,
    /// Bytes that no HTTP server accepts, and neither does `HeaderValue`.
    Refused,
}

/// One request: why it is hostile, its `Cookie` fields as templates, and the expected result.
type Row = (&'static str, &'static [&'static [u8]], Expected);

/// One request, with the tokens filled in.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) why: &'static str,
    pub(crate) fields: Vec<Vec<u8>>,
    pub(crate) expected: Expected,
}

/// All requests. `live` is the token of a session, without a version hint.
pub(crate) fn cases(live: &str) -> Vec<Case> {
    let families = [names::ROWS, tokens::ROWS, siblings::ROWS, sizes::ROWS, bytes::ROWS];
    let case = |(why, fields, expected): &Row| Case {
        why,
        fields: fields.iter().map(|field| filled(field, live)).collect(),
        expected: *expected,
    };
    families.into_iter().flatten().map(case).collect()
}
