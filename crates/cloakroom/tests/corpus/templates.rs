//! Fills the text of a live token, and spellings of it, into a template.

/// A token that nobody was given: 32 zero bytes.
const OTHER: &[u8; 43] = &[b'A'; 43];

pub(crate) fn filled(template: &[u8], live: &str) -> Vec<u8> {
    assert_eq!(live.len(), 43, "the corpus wants a token without a hint");
    let (live, spare) = (live.as_bytes(), spare(live.as_bytes()));
    let places = [(&b"{live}"[..], live), (b"{head}", &live[..42]), (b"{spare}", &spare), (b"{other}", OTHER)];
    places.iter().fold(template.to_vec(), |field, (place, text)| replaced(&field, place, text))
}

/// The last of 43 characters carries four bits; the next letter of the alphabet differs in the others.
fn spare(live: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = ALPHABET.iter().position(|letter| Some(letter) == live.last()).expect("a token is base64url");
    [&live[..42], &[ALPHABET[last + 1]]].concat()
}

fn replaced(text: &[u8], place: &[u8], with: &[u8]) -> Vec<u8> {
    match text.windows(place.len()).position(|window| window == place) {
        Some(at) => [&text[..at], with, &replaced(&text[at + place.len()..], place, with)].concat(),
        None => text.to_vec(),
    }
}
