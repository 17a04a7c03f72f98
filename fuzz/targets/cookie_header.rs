//! The cookie reader against one that takes its time.
//!
//! An input is a request: its lines are `Cookie` fields.

#![no_main]

use cloakroom::fuzzing::{Unbelievable, find_cookie};
use libfuzzer_sys::fuzz_target;

const NAME: &[u8] = b"__Host-session";

fuzz_target!(|request: &[u8]| {
    let fields: Vec<&[u8]> = request.split(|byte| *byte == b'\n').collect();
    let found = find_cookie(&fields, NAME);
    assert_eq!(found, slowly(&fields, NAME));

    let reversed: Vec<&[u8]> = fields.into_iter().rev().collect();
    assert_eq!(found, find_cookie(&reversed, NAME), "the order of fields must mean nothing");
});

/// The documented rules, one after the other, each on its own copy of the data.
fn slowly<'a>(fields: &[&'a [u8]], name: &[u8]) -> Result<Option<&'a [u8]>, Unbelievable> {
    let pairs: Vec<&[u8]> = fields.iter().flat_map(|field| field.split(|byte| *byte == b';')).collect();
    if fields.iter().map(|field| field.len()).sum::<usize>() > 16 * 1024 || pairs.len() > 180 {
        return Err(Unbelievable::Oversized);
    }
    let mut values = Vec::new();
    for pair in pairs {
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
        if trimmed(&pair[..equals]) == name {
            values.push(trimmed(&pair[equals + 1..]));
        }
    }
    values.sort_unstable();
    values.dedup();
    match values[..] {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(Unbelievable::Ambiguous),
    }
}

fn trimmed(text: &[u8]) -> &[u8] {
    let is_visible = |byte: &u8| *byte != b' ' && *byte != b'\t';
    let Some(start) = text.iter().position(is_visible) else { return b"" };
    let end = text.iter().rposition(is_visible).unwrap_or(start);
    &text[start..=end]
}
