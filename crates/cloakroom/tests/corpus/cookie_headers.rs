//! Hostile `Cookie` headers, and what each has to come to.
//!
//! Written as templates, because the token in them has to be that of a session which is alive:
//!
//! | in the template | becomes |
//! |---|---|
//! | `{live}` | the text of the live token, 43 characters |
//! | `{head}` | that text without its last character |
//! | `{spare}` | that text with a bit set that encodes nothing |
//! | `{other}` | a well-formed token that nobody was given |

mod bytes;
mod names;
mod siblings;
mod sizes;
mod tokens;

use super::templates::filled;

/// The name that the corpus attacks.
pub(crate) const NAME: &str = "__Host-session";

/// What a header has to come to. Everything but `Live` is a request without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The live session: what surrounds its token changes nothing.
    Live,
    /// There is no cookie of our name.
    Absent,
    /// What stands under our name is no token.
    Malformed,
    /// It is a token, but of no session.
    Unknown,
    /// Different values stand under our name.
    Ambiguous,
    /// More than is read.
    Oversized,
    /// No HTTP server lets these bytes through, nor does `HeaderValue`.
    Refused,
}

/// One request: why it is hostile, its `Cookie` fields as templates, and what it has to come to.
type Row = (&'static str, &'static [&'static [u8]], Expected);

/// One request, with the tokens filled in.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) why: &'static str,
    pub(crate) fields: Vec<Vec<u8>>,
    pub(crate) expected: Expected,
}

/// All requests, around a token without a hint that a session has.
pub(crate) fn cases(live: &str) -> Vec<Case> {
    let families = [names::ROWS, tokens::ROWS, siblings::ROWS, sizes::ROWS, bytes::ROWS];
    let case = |(why, fields, expected): &Row| Case {
        why,
        fields: fields.iter().map(|field| filled(field, live)).collect(),
        expected: *expected,
    };
    families.into_iter().flatten().map(case).collect()
}
