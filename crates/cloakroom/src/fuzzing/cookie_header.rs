use crate::http::{CookieToken, find_in};

const NAME: &[u8] = b"__Host-session";

/// Compares the reader of cookies with a slow reference.
///
/// An input is a request: its lines are `Cookie` fields.
///
/// # Panics
/// If the two differ, or if the order of fields has a meaning.
pub fn cookie_header(request: &[u8]) {
    let fields: Vec<&[u8]> = request.split(|byte| *byte == b'\n').collect();
    let found = find_in(fields.iter().copied(), NAME, is_token);
    assert_eq!(found, slowly(&fields, NAME));
    assert_eq!(found, find_in(fields.into_iter().rev(), NAME, is_token), "the order of fields must have no meaning");
}

/// A stand-in for the token formats: some values have it, others do not.
fn is_token(value: &[u8]) -> bool {
    value.len() % 3 == 1
}

/// The documented rules, one after the other, each on its own copy of the data.
fn slowly<'a>(fields: &[&'a [u8]], name: &[u8]) -> CookieToken<'a> {
    let pairs: Vec<&[u8]> = fields.iter().flat_map(|field| field.split(|byte| *byte == b';')).collect();
    if fields.iter().map(|field| field.len()).sum::<usize>() > 16 * 1024 || pairs.len() > 180 {
        return CookieToken::Oversized;
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
    let tokens: Vec<&[u8]> = values.iter().copied().filter(|value| is_token(value)).collect();
    match (&values[..], &tokens[..]) {
        ([], _) => CookieToken::Absent,
        ([value], _) | (_, [value]) => CookieToken::One(value),
        (_, []) => CookieToken::NoToken,
        _ => CookieToken::Ambiguous,
    }
}

fn trimmed(text: &[u8]) -> &[u8] {
    let is_visible = |byte: &u8| *byte != b' ' && *byte != b'\t';
    let Some(start) = text.iter().position(is_visible) else { return b"" };
    let end = text.iter().rposition(is_visible).unwrap_or(start);
    &text[start..=end]
}
