//! The bearer reader against one that takes its time.
//!
//! An input is a request: its lines are `Authorization` fields.

#![no_main]

use cloakroom::fuzzing::{Unbelievable, find_bearer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|request: &[u8]| {
    let fields: Vec<&[u8]> = request.split(|byte| *byte == b'\n').collect();
    assert_eq!(find_bearer(&fields), slowly(&fields));
});

/// The documented rules, one after the other.
fn slowly<'a>(fields: &[&'a [u8]]) -> Result<Option<&'a [u8]>, Unbelievable> {
    let [field] = fields else { return Err(Unbelievable::Ambiguous) };
    let scheme_ends = field.iter().position(|byte| *byte == b' ').unwrap_or(field.len());
    let (scheme, rest) = field.split_at(scheme_ends);
    if String::from_utf8_lossy(scheme).to_ascii_lowercase() != "bearer" {
        return Ok(None);
    }
    if rest.len() > 8 * 1024 {
        return Err(Unbelievable::Oversized);
    }
    let token_begins = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
    Ok(Some(&rest[token_begins..]))
}
