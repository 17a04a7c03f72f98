use crate::http::{FoundBearer, find_bearer_in};

/// Compares the reader of bearer tokens with a slow reference.
///
/// An input is a request: its lines are `Authorization` fields.
///
/// # Panics
/// If the two differ.
pub fn bearer(request: &[u8]) {
    let fields: Vec<&[u8]> = request.split(|byte| *byte == b'\n').collect();
    assert_eq!(find_bearer_in(fields.iter().copied()), slowly(&fields));
}

/// The documented rules, one after the other.
fn slowly<'a>(fields: &[&'a [u8]]) -> FoundBearer<'a> {
    let [field] = fields else { return FoundBearer::Several };
    let scheme_ends = field.iter().position(|byte| *byte == b' ').unwrap_or(field.len());
    let (scheme, rest) = field.split_at(scheme_ends);
    if String::from_utf8_lossy(scheme).to_ascii_lowercase() != "bearer" {
        return FoundBearer::Absent;
    }
    if rest.len() > 8 * 1024 {
        return FoundBearer::Oversized;
    }
    let token_begins = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
    FoundBearer::One(&rest[token_begins..])
}
