//! Searches texts for secrets.

use crate::needles::Needles;
use crate::spellings::{decoded, unescaped};

/// The size of a block that is searched at once, and its overlap with the next one.
const BLOCK: usize = 1 << 20;
const OVERLAP: usize = 1 << 12;
/// Number of bytes that are shown on both sides of a leak.
const AROUND: usize = 80;

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The kind of the secret.
    pub what: String,
    /// The encoding in which it was found.
    pub spelling: String,
    /// The surrounding text.
    pub around: Vec<u8>,
}

/// Finds every secret in a text, in any encoding.
pub(crate) fn leaks(text: &[u8], needles: &Needles) -> Vec<Leak> {
    let mut all = Vec::new();
    let mut begin = 0;
    while begin < text.len() {
        let end = (begin + BLOCK + OVERLAP).min(text.len());
        in_block(&text[begin..end], needles, &mut all);
        begin += BLOCK;
    }
    all.dedup();
    all
}

fn in_block(text: &[u8], needles: &Needles, all: &mut Vec<Leak>) {
    for layer in unescaped(text) {
        let mut look = |how: &str, bytes: &[u8], places: &dyn Fn(usize) -> usize| {
            for at in 0..bytes.len() {
                let Some(what) = needles.at(&bytes[at..]) else { continue };
                let place = places(at);
                let around = text[place.saturating_sub(AROUND)..(place + AROUND).min(text.len())].to_vec();
                let spelling = if layer.how == "as it is" { how.to_owned() } else { format!("{}, {how}", layer.how) };
                all.push(Leak { what: what.to_owned(), spelling, around });
            }
        };
        look("as it is", &layer.bytes, &|at| layer.places[at]);
        for spelled in decoded(&layer.bytes) {
            look(spelled.how, &spelled.bytes, &|at| layer.places[spelled.places[at]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    const SECRET: [u8; 16] = *b"\x00\xfe\x7f\x80\x22\x5c\x0a\xc3\x28\x11\xd7\x99\x2f\xab\x3e\xfb";

    fn needles() -> Needles {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Needles::of(&[format!("random 1 {}\nvalue 1 {}\n", hex(&SECRET), hex(b"a very private note"))])
    }

    fn found(text: &[u8]) -> Vec<(String, String)> {
        leaks(text, &needles()).into_iter().map(|leak| (leak.what, leak.spelling)).collect()
    }

    fn escaped(bytes: &[u8], escape: impl Fn(&u8) -> String) -> String {
        bytes.iter().map(escape).collect()
    }

    #[test]
    fn a_secret_is_found_in_every_spelling() {
        let around = |offset: usize| [&b"abcdefghij"[..offset], &SECRET, b"klmnopq"].concat();
        let spellings = [
            (escaped(&SECRET, |byte| format!("{byte:02x}")), "hexadecimal"),
            (escaped(&SECRET, |byte| format!("{byte:02X}")), "hexadecimal"),
            (format!("{SECRET:?}"), "list of numbers"),
            (format!("{SECRET:#?}"), "list of numbers"),
            (format!("{SECRET:x?}"), "list of hexadecimal"),
            (format!("{SECRET:#x?}"), "list of hexadecimal"),
            (escaped(&SECRET, |byte| format!("%{byte:02X}")), "percent"),
            (escaped(&SECRET, |byte| format!("\\u{byte:04x}")), "escaped"),
            (SECRET.escape_ascii().to_string(), "escaped"),
            (STANDARD.encode(around(0)), "base64"),
            (STANDARD.encode(around(1)), "base64"),
            (STANDARD.encode(around(2)), "base64"),
            (URL_SAFE_NO_PAD.encode(around(3)), "base64"),
            (URL_SAFE_NO_PAD.encode(around(4)), "base64"),
            (STANDARD.encode(around(5)).replace('+', "%2B").replace('/', "%2F"), "percent-encoded, in base64"),
            (serde_like(&STANDARD.encode(SECRET)), "base64"),
        ];
        for (text, how) in &spellings {
            let line = format!("2026 DEBUG target: field={text} and more");
            let found = found(line.as_bytes());
            assert!(
                found.iter().any(|(what, spelling)| what == "random number" && spelling.contains(how)),
                "{how}: {found:?}"
            );
        }
        assert_eq!(found(&[b"raw: ", &SECRET[..], b"."].concat())[0].1, "as it is");
    }

    /// A token in JSON within JSON.
    fn serde_like(text: &str) -> String {
        format!("{{\\\"token\\\":\\\"{}\\\"}}", text.replace('/', "\\/"))
    }

    #[test]
    fn a_value_is_found_in_and_out_of_quotes() {
        assert!(!found(b"note=\"a very private note\"").is_empty());
        assert!(!found(b"note=a very private note.").is_empty());
        assert!(!found(b"note=a%20very%20private%20note").is_empty());
        assert_eq!(found(b"note=a very public note"), []);
    }

    #[test]
    fn what_is_no_secret_is_not_found() {
        let mut other = SECRET;
        other[11] ^= 1;
        assert_eq!(found(URL_SAFE_NO_PAD.encode(other).as_bytes()), []);
        assert_eq!(found(format!("{other:?} {other:x?}").as_bytes()), []);
        assert_eq!(found(b""), []);
    }

    #[test]
    fn a_secret_on_the_border_of_two_blocks_is_found() {
        let text = [vec![b'.'; BLOCK - 7], SECRET.to_vec(), vec![b'.'; 100]].concat();
        assert_eq!(found(&text)[0].1, "as it is");
    }
}
