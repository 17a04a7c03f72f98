use proptest::prelude::*;

use super::{BearerToken, MAX_BYTES, find_in};

fn found(field: &[u8]) -> BearerToken<'_> {
    find_in(std::iter::once(field))
}

#[test]
fn the_limit_is_on_what_follows_the_scheme() {
    let field = |length: usize| [b"Bearer ", &*b"A".repeat(length - 1)].concat();
    assert_eq!(found(&field(MAX_BYTES)), BearerToken::One(&b"A".repeat(MAX_BYTES - 1)));
    assert_eq!(found(&field(MAX_BYTES + 1)), BearerToken::Oversized);
}

#[test]
fn a_field_of_another_scheme_may_be_as_long_as_it_likes() {
    assert_eq!(found(&[b"Negotiate ", &*b"A".repeat(100_000)].concat()), BearerToken::Absent);
}

/// The documented rules, each on its own copy of the data.
fn slowly(field: &[u8]) -> Option<Vec<u8>> {
    let space = field.iter().position(|byte| *byte == b' ').unwrap_or(field.len());
    if !field[..space].eq_ignore_ascii_case(b"bearer") {
        return None;
    }
    let rest = &field[space..];
    let start = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
    Some(rest[start..].to_vec())
}

proptest! {
    #[test]
    fn a_field_is_read_as_the_rules_say(field in "([Bb]earers?|[a-zA-Z]{0,8}|\\PC{0,8})[ \t=,]{0,4}\\PC{0,60}") {
        let expected = slowly(field.as_bytes());
        prop_assert_eq!(found(field.as_bytes()), expected.as_deref().map_or(BearerToken::Absent, BearerToken::One));
    }

    #[test]
    fn two_fields_are_never_believed(one in any::<Vec<u8>>(), other in any::<Vec<u8>>()) {
        prop_assert_eq!(find_in([one.as_slice(), &other].into_iter()), BearerToken::Several);
    }
}
