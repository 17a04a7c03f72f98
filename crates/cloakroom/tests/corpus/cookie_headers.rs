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

#[path = "cookie_headers/bytes.rs"]
mod bytes;
#[path = "cookie_headers/names.rs"]
mod names;
#[path = "cookie_headers/siblings.rs"]
mod siblings;
#[path = "cookie_headers/sizes.rs"]
mod sizes;
#[path = "cookie_headers/tokens.rs"]
mod tokens;

/// The name that the corpus attacks.
pub(crate) const NAME: &str = "__Host-session";

/// A token that nobody was given: 32 zero bytes.
const OTHER: &[u8; 43] = &[b'A'; 43];

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
    assert_eq!(live.len(), 43, "the corpus wants a token without a hint");
    let families = [names::ROWS, tokens::ROWS, siblings::ROWS, sizes::ROWS, bytes::ROWS];
    families.into_iter().flatten().map(|row| case(row, live.as_bytes())).collect()
}

fn case((why, templates, expected): &Row, live: &[u8]) -> Case {
    let spare = spare(live);
    let places = [(&b"{live}"[..], live), (b"{head}", &live[..42]), (b"{spare}", &spare), (b"{other}", OTHER)];
    let fields = templates
        .iter()
        .map(|template| places.iter().fold(template.to_vec(), |field, (place, text)| replaced(&field, place, text)));
    Case { why, fields: fields.collect(), expected: *expected }
}

/// The last of 43 characters carries four bits; the next letter of the alphabet differs in the others.
fn spare(live: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = ALPHABET.iter().position(|letter| Some(letter) == live.last()).expect("a token is base64url");
    [&live[..42], &[ALPHABET[last + 1]]].concat()
}

fn replaced(text: &[u8], place: &[u8], with: &[u8]) -> Vec<u8> {
    match text.windows(place.len()).position(|window| window == place) {
        Some(at) => [&text[..at], with, &replaced(&text[at + place.len()..], place, with)].concat(),
        None => text.to_vec(),
    }
}
