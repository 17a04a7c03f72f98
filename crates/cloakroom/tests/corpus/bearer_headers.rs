//! Hostile `Authorization` headers, and their expected results on a layer that accepts only bearer
//! tokens.
//!
//! The headers are templates, like those of the cookies: `{live}` becomes the text of a live token,
//! `{head}` that text without its last character, `{spare}` that text with an unused bit set, and
//! `{other}` a well-formed token that was never issued.

mod fields;
mod schemes;
mod tokens;

use super::templates::filled;

/// The expected result of a header. Everything but `Live` is a request without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The live session.
    Live,
    /// There is no bearer token.
    Absent,
    /// The credentials are not a well-formed token.
    Malformed,
    /// A well-formed token, but of no session.
    Unknown,
    /// Several fields: none is trusted, and a handler that uses the session gets an error.
    Ambiguous,
    /// Bytes that no HTTP server accepts, and neither does `HeaderValue`.
    Refused,
}

/// One request: why it is hostile, its `Authorization` fields as templates, and the expected
/// result.
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
    let families = [schemes::ROWS, tokens::ROWS, fields::ROWS];
    let rows = families.into_iter().flatten();
    let case = |(why, fields, expected): &Row| Case {
        why,
        fields: fields.iter().map(|field| filled(field, live)).collect(),
        expected: *expected,
    };
    rows.map(case).chain(long(live)).collect()
}

/// Headers that are too long to write as templates.
fn long(live: &str) -> Vec<Case> {
    let case = |why, field: Vec<u8>, expected| Case { why, fields: vec![field], expected };
    let with = |spaces: usize, text: &[u8]| [b"Bearer", &*b" ".repeat(spaces), text].concat();
    vec![
        case("a thousand spaces before the token", with(1000, live.as_bytes()), Expected::Live),
        case("8 KiB of spaces before the token", with(8 << 10, live.as_bytes()), Expected::Malformed),
        case("8 KiB of a token", with(1, &b"A".repeat(8 << 10)), Expected::Malformed),
        case("64 KiB of spaces", with(64 << 10, b""), Expected::Malformed),
        case(
            "64 KiB of another scheme's credentials",
            [b"Negotiate ", &*b"A".repeat(64 << 10)].concat(),
            Expected::Absent,
        ),
        case("the token a thousand times", with(1, &live.as_bytes().repeat(1000)), Expected::Malformed),
        Case { why: "a hundred fields", fields: vec![with(1, live.as_bytes()); 100], expected: Expected::Ambiguous },
    ]
}
