use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::{CookieToken, MAX_BYTES, MAX_PAIRS, find, find_in, semicolon};

const NAME: &str = "__Host-session";

/// In these tests, every value without a quote or a space has the format of a token.
fn is_token(value: &[u8]) -> bool {
    !value.is_empty() && !value.iter().any(|byte| matches!(byte, b'"' | b' '))
}

fn found<'a>(fields: &[&'a [u8]]) -> CookieToken<'a> {
    find_in(fields.iter().copied(), NAME.as_bytes(), is_token)
}

fn one<'a>(field: &'a str) -> CookieToken<'a> {
    found(&[field.as_bytes()])
}

#[test]
fn every_cookie_field_of_the_request_is_read() {
    let mut headers = HeaderMap::new();
    assert_eq!(find(&headers, NAME, is_token), CookieToken::Absent);
    headers.append(COOKIE, HeaderValue::from_static("theme=dark"));
    headers.append(COOKIE, HeaderValue::from_static("__Host-session=token; a=b"));
    assert_eq!(find(&headers, NAME, is_token), CookieToken::One(b"token"));
    assert_eq!(find(&headers, "theme", is_token), CookieToken::One(b"dark"));
    headers.append(COOKIE, HeaderValue::from_static("__Host-session=other"));
    assert_eq!(find(&headers, NAME, is_token), CookieToken::Ambiguous);
}

#[test]
fn only_spaces_and_tabs_around_name_and_value_fall_away() {
    assert_eq!(one(" \t__Host-session \t=\t token \t; a=b"), CookieToken::One(b"token"));
    assert_eq!(one("__Host-session=to ken"), CookieToken::One(b"to ken"));
    assert_eq!(one("__Host-session=\"token\""), CookieToken::One(b"\"token\""));
    assert_eq!(one("__Host-session=\u{a0}token"), CookieToken::One("\u{a0}token".as_bytes()));
    assert_eq!(one("__Host-session==token="), CookieToken::One(b"=token="));
    assert_eq!(one("__Host-session="), CookieToken::One(b""));
}

#[test]
fn s5_a_malformed_sibling_never_hides_the_session() {
    for sibling in
        ["foo", "=foo", "=", "", " ", "a=\"b", "a=b\\", "\u{fc}=\u{fc}", "a=b,c", "$Version=1", "%", "a\u{b}=b"]
    {
        for field in [format!("{sibling}; __Host-session=token"), format!("__Host-session=token;{sibling}")] {
            assert_eq!(one(&field), CookieToken::One(b"token"), "{field}");
        }
    }
    assert_eq!(found(&[b"\xff\xfe=\x80; __Host-session=token"]), CookieToken::One(b"token"));
}

#[test]
fn r27_one_value_may_repeat_and_two_values_are_nobodys() {
    assert_eq!(one("__Host-session=a; __Host-session= a"), CookieToken::One(b"a"));
    assert_eq!(found(&[b"__Host-session=a", b"__Host-session=a"]), CookieToken::One(b"a"));
    for fields in [
        &["__Host-session=a; __Host-session=b"][..],
        &["__Host-session=b", "__Host-session=a"],
        &["__Host-session=a; __Host-session=b; __Host-session=a"],
    ] {
        let fields: Vec<_> = fields.iter().map(|field| field.as_bytes()).collect();
        assert_eq!(found(&fields), CookieToken::Ambiguous);
    }
}

#[test]
fn what_is_no_token_is_ignored_beside_one_that_is_and_several_are_none() {
    for none in ["", "\"", "a b", "\"a\""] {
        for field in [
            format!("__Host-session={none}; __Host-session=a"),
            format!("__Host-session=a; __Host-session={none}"),
            format!("__Host-session={none}; __Host-session=a b c; __Host-session=a; __Host-session={none}"),
        ] {
            assert_eq!(one(&field), CookieToken::One(b"a"), "{field}");
            assert_eq!(one(&format!("{field}; __Host-session=b")), CookieToken::Ambiguous, "{field}");
        }
        assert_eq!(one(&format!("__Host-session={none}; __Host-session=no token")), CookieToken::NoToken, "{none}");
    }
}

#[test]
fn r29_at_most_16_kib_are_read() {
    let padded = |length: usize| format!("__Host-session=token; a={}", "x".repeat(length - 24));
    assert_eq!(one(&padded(MAX_BYTES)), CookieToken::One(b"token"));
    assert_eq!(one(&padded(MAX_BYTES + 1)), CookieToken::Oversized);
    let half = padded(MAX_BYTES / 2);
    assert_eq!(found(&[half.as_bytes(), half.as_bytes()]), CookieToken::One(b"token"));
    assert_eq!(found(&[half.as_bytes(), half.as_bytes(), b"a"]), CookieToken::Oversized);
}

#[test]
fn r29_at_most_180_pairs_are_read() {
    let pairs = |count: usize| format!("{}__Host-session=token", "a=b; ".repeat(count - 1));
    assert_eq!(one(&pairs(MAX_PAIRS)), CookieToken::One(b"token"));
    assert_eq!(one(&pairs(MAX_PAIRS + 1)), CookieToken::Oversized);
    assert_eq!(one(&";".repeat(MAX_PAIRS)), CookieToken::Oversized);
    let mut fields = vec![&b"__Host-session=token"[..]; MAX_PAIRS];
    assert_eq!(found(&fields), CookieToken::One(b"token"));
    fields.push(b"");
    assert_eq!(found(&fields), CookieToken::Oversized);
}

#[test]
fn what_is_oversized_is_so_also_where_the_values_differ() {
    let field = format!("__Host-session=a; __Host-session=b{}", ";".repeat(MAX_PAIRS));
    assert_eq!(one(&field), CookieToken::Oversized);
}

fn outcome(mut pairs: Vec<&[u8]>, reverse: bool) -> CookieToken<'_> {
    if reverse {
        pairs.reverse();
    }
    found(&pairs)
}

/// A pair that often has the name, and often almost.
const PAIR: &str = "(__Host-session|_|[ \t=\"a%]){0,3}=?[ab \"]?";

/// Includes the neighbours that arithmetic on eight bytes could mistake for a semicolon.
fn nearly_semicolons() -> impl Strategy<Value = u8> {
    prop_oneof![Just(b';'), Just(b':'), Just(b';' | 0x80), any::<u8>()]
}

proptest! {
    #[test]
    fn the_first_semicolon_is_found_wherever_it_stands(text in prop::collection::vec(nearly_semicolons(), 0..40)) {
        prop_assert_eq!(semicolon(&text), text.iter().position(|byte| *byte == b';'));
    }

    #[test]
    fn the_order_of_pairs_means_nothing(pairs in prop::collection::vec(PAIR, 0..12)) {
        let pairs: Vec<_> = pairs.iter().map(String::as_bytes).collect();
        prop_assert_eq!(outcome(pairs.clone(), false), outcome(pairs, true));
    }

    #[test]
    fn a_pair_means_the_same_in_a_field_of_its_own(pairs in prop::collection::vec(PAIR, 1..12)) {
        let apart: Vec<_> = pairs.iter().map(String::as_bytes).collect();
        let together = pairs.join(";");
        prop_assert_eq!(found(&apart), one(&together));
    }
}
