//! The hostile headers of `tests/corpus`, without a server.

use http::HeaderValue;

use super::{BearerToken, find_in};
use crate::http::corpus::bearer_headers::{Case, Expected, cases};
use crate::token::{Secret, Selector, Token};

fn live() -> String {
    let counting = |from: u8| std::array::from_fn(|index| from + index as u8);
    let token =
        Token { selector: Selector::from_bytes(counting(0)), secret: Secret::from_bytes(counting(16)), hint: None };
    token.encode().as_str().to_owned()
}

/// Reads even fields that no server would accept: whatever the bytes are, reading them must not
/// panic.
fn outcome(case: &Case, live: &str) -> Expected {
    let read = match find_in(case.fields.iter().map(Vec::as_slice)) {
        BearerToken::Absent => Expected::Absent,
        BearerToken::Several => Expected::Ambiguous,
        BearerToken::Oversized => Expected::Malformed,
        BearerToken::One(text) => named(text, live),
    };
    let is_refused = case.fields.iter().any(|field| HeaderValue::from_bytes(field).is_err());
    if is_refused { Expected::Refused } else { read }
}

fn named(text: &[u8], live: &str) -> Expected {
    let Some(token) = Token::parse(text) else { return Expected::Malformed };
    let without_hint = Token { hint: None, ..token };
    if without_hint.encode().as_str() == live { Expected::Live } else { Expected::Unknown }
}

#[test]
fn r30_every_hostile_authorization_comes_to_what_it_should() {
    let live = live();
    let cases = cases(&live);
    assert!(cases.len() >= 100, "only {} cases", cases.len());
    for case in &cases {
        assert_eq!(outcome(case, &live), case.expected, "{}: {}", case.why, case.fields.concat().escape_ascii());
    }
}
