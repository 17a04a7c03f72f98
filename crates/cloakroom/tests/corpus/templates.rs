//! Fills the text of a live token, and variants of it, into a template.

/// A token that was never issued: 32 zero bytes.
const OTHER: &[u8; 43] = &[b'A'; 43];

pub(crate) fn filled(template: &[u8], live: &str) -> Vec<u8> {
    assert_eq!(live.len(), 43, "the corpus requires a token without a hint");
    let (live, spare) = (live.as_bytes(), spare(live.as_bytes()));
    let placeholders = [(&b"{live}"[..], live), (b"{head}", &live[..42]), (b"{spare}", &spare), (b"{other}", OTHER)];
    placeholders.iter().fold(template.to_vec(), |field, (placeholder, text)| replaced(&field, placeholder, text))
}

/// The last of 43 characters carries four bits; the next character of the alphabet differs only in
/// the unused ones.
fn spare(live: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = ALPHABET.iter().position(|letter| Some(letter) == live.last()).expect("a token is base64url");
    [&live[..42], &[ALPHABET[last + 1]]].concat()
}

fn replaced(text: &[u8], placeholder: &[u8], with: &[u8]) -> Vec<u8> {
    match text.windows(placeholder.len()).position(|window| window == placeholder) {
        Some(at) => [&text[..at], with, &replaced(&text[at + placeholder.len()..], placeholder, with)].concat(),
        None => text.to_vec(),
    }
}
