//! Counts the hostile inputs for each parser and compares them with docs/fuzzing.md.

use crate::corpus::{bearer_headers, cookie_headers, sealed_tokens};
use crate::figures::{assert_said, figures};
use crate::settings;

#[test]
fn the_page_lists_the_number_of_hostile_inputs() {
    let live = "A".repeat(43);
    let with_mac = "A".repeat(66);
    let seen = sealed_tokens::Seen {
        live: with_mac.clone(),
        other: with_mac.clone(),
        elsewhere: with_mac,
        no_key: 3,
        accepted_key: 1,
    };
    assert_said(&[
        ("`Cookie` headers", cookie_headers::cases(&live).len()),
        ("`Authorization` headers", bearer_headers::cases(&live).len()),
        ("tokens with a MAC", sealed_tokens::cases(&seen).len()),
        ("settings", settings::corpus::builders().count()),
        ("key rings", settings::corpus::rings().count()),
    ]);
}

#[test]
fn every_parser_has_hostile_inputs_and_there_are_at_least_400() {
    let mut rows = figures();
    let (name, total) = rows.pop().expect("the last row is the sum");
    assert_eq!(name, "in all");
    assert_eq!(rows.iter().map(|(_, inputs)| inputs).sum::<usize>(), total);
    assert!(total >= 400, "{total}");
    assert!(rows.len() >= 10 && rows.iter().all(|(_, inputs)| *inputs >= 16), "{rows:?}");
}
