//! Hostile `Authorization` headers, and what each has to come to on a layer that takes bearer tokens alone.
//!
//! Written as templates, as those of the cookies are: `{live}` becomes the text of a live token, `{head}` that text
//! without its last character, `{spare}` that text with a bit set that encodes nothing, and `{other}` a well-formed
//! token that nobody was given.

mod fields;
mod schemes;
mod tokens;

use super::templates::filled;

/// What a header has to come to. Everything but `Live` is a request without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The live session.
    Live,
    /// There is no bearer token.
    Absent,
    /// What stands where the token belongs is none.
    Malformed,
    /// It is a token, but of no session.
    Unknown,
    /// There are several fields: nothing is believed, and whoever asks for the session gets an error.
    Ambiguous,
    /// No HTTP server lets these bytes through, nor does `HeaderValue`.
    Refused,
}

/// One request: why it is hostile, its `Authorization` fields as templates, and what it has to come to.
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
    let families = [schemes::ROWS, tokens::ROWS, fields::ROWS];
    let rows = families.into_iter().flatten();
    let case = |(why, fields, expected): &Row| Case {
        why,
        fields: fields.iter().map(|field| filled(field, live)).collect(),
        expected: *expected,
    };
    rows.map(case).chain(long(live)).collect()
}

/// What is too long to be written down.
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
