//! Hostile tokens with a MAC, and their expected results.
//!
//! Each is made from live tokens by an attacker who has seen some but has no key.

mod bytes;
mod text;

/// Tokens and key numbers that an attacker may have seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The token of a live session, without a hint: 66 characters.
    pub(crate) live: String,
    /// The token of another live session, issued under the same key.
    pub(crate) other: String,
    /// The first session's token, issued for a cookie or header of another name.
    pub(crate) elsewhere: String,
    /// A number without a key.
    pub(crate) no_key: u8,
    /// The number of a key that is accepted but does not issue tokens.
    pub(crate) accepted_key: u8,
}

/// The expected result of a token. Everything but `Live` is a request without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The live session.
    Live,
    /// Not a canonical spelling.
    Malformed,
    /// The MAC does not match the key that the token names.
    Forged,
    /// The token names a key that does not exist.
    UnknownKey,
}

/// Why a token is hostile, how it is made, and the expected result.
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
