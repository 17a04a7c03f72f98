//! Hostile tokens with a MAC, and what each has to come to.
//!
//! Each is made from live ones, as an attacker would who has seen some and has no key.

mod bytes;
mod text;

/// What an attacker may have seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The token of a live session, without a hint: 66 characters.
    pub(crate) live: String,
    /// That of another live session, issued under the same key.
    pub(crate) other: String,
    /// The first session's token as a cookie or header of another name carries it.
    pub(crate) elsewhere: String,
    /// A number that no key has.
    pub(crate) no_key: u8,
    /// The number of the key that is only accepted.
    pub(crate) accepted_key: u8,
}

/// What a token has to come to. Everything but `Live` is a request without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The live session.
    Live,
    /// Not the one spelling of anything.
    Malformed,
    /// Its MAC is not that of the key that it names.
    Forged,
    /// It names a key that is not there.
    UnknownKey,
}

/// Why a token is hostile, how it is made, and what it has to come to.
type Row = (&'static str, fn(&Seen) -> Vec<u8>, Expected);

/// One token.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) why: &'static str,
    pub(crate) token: Vec<u8>,
    pub(crate) expected: Expected,
}

/// All tokens.
pub(crate) fn cases(seen: &Seen) -> Vec<Case> {
    let rows = [bytes::ROWS, text::ROWS].into_iter().flatten();
    rows.map(|(why, make, expected)| Case { why, token: make(seen), expected: *expected }).collect()
}
