use proptest::prelude::*;

use crate::token::secret::Secret;
use crate::token::selector::Selector;
use crate::token::text::MAX_TOKEN_LEN;
use crate::token::{Token, VersionHint};

const PLAIN: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HINTED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.AAAAAAAAAQL__g";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

type Parts = ([u8; 16], [u8; 16], Option<(u64, u16)>);

fn token((selector, secret, hint): Parts) -> Token {
    let hint = hint.map(|(version, nonce)| VersionHint { version, nonce });
    Token { selector: Selector::from_bytes(selector), secret: Secret::from_bytes(secret), hint }
}

fn parts(token: &Token) -> Parts {
    (*token.selector.as_bytes(), *token.secret.as_bytes(), token.hint.map(|hint| (hint.version, hint.nonce)))
}

fn parse(text: &[u8]) -> Option<Parts> {
    Token::parse(text).as_ref().map(parts)
}

fn counting(from: u8) -> [u8; 16] {
    std::array::from_fn(|index| from + index as u8)
}

fn any_parts() -> impl Strategy<Value = Parts> {
    (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<Option<(u64, u16)>>())
}

#[test]
fn a_token_is_written_and_read_in_its_documented_form() {
    let plain = (counting(0), counting(16), None);
    let hinted = (counting(0), counting(16), Some((0x102, 0xfffe)));
    assert_eq!(token(plain).encode().as_str(), PLAIN);
    assert_eq!(token(hinted).encode().as_str(), HINTED);
    assert_eq!(parse(PLAIN.as_bytes()), Some(plain));
    assert_eq!(parse(HINTED.as_bytes()), Some(hinted));
}

#[test]
fn r02_every_other_length_is_no_token() {
    let long = [b'A'; 200];
    for length in (0..=long.len()).filter(|length| *length != PLAIN.len()) {
        assert_eq!(parse(&long[..length]), None, "{length} characters");
    }
}

#[test]
fn r02_the_spare_bits_of_the_last_character_are_zero() {
    // The last of 43 characters carries 4 bits, the last of 14 carries 2.
    for (text, step) in [(PLAIN, 4), (HINTED, 16)] {
        let mut text = text.as_bytes().to_vec();
        let last = text.len() - 1;
        for (value, letter) in ALPHABET.iter().enumerate() {
            text[last] = *letter;
            assert_eq!(parse(&text).is_some(), value % step == 0, "{}", letter.escape_ascii());
        }
    }
}

#[test]
fn r02_nothing_outside_the_alphabet_is_decoded() {
    for at in 0..HINTED.len() {
        for byte in (0..=u8::MAX).filter(|byte| !ALPHABET.contains(byte)) {
            let mut text = HINTED.as_bytes().to_vec();
            text[at] = byte;
            let unchanged = text == HINTED.as_bytes();
            assert_eq!(parse(&text).is_some(), unchanged, "{} at {at}", byte.escape_ascii());
        }
    }
}

#[test]
fn neither_a_token_nor_its_text_shows_in_debug() {
    let token = token((counting(0), counting(16), None));
    for shown in [format!("{token:?}"), format!("{:?}", token.encode())] {
        assert!(!shown.contains("AAEC") && !shown.contains("0, 1, 2"), "{shown}");
    }
}

proptest! {
    #[test]
    fn every_token_survives_its_text(parts in any_parts()) {
        let encoded = token(parts).encode();
        prop_assert!(encoded.as_str().len() <= MAX_TOKEN_LEN);
        prop_assert_eq!(parse(encoded.as_str().as_bytes()), Some(parts));
    }

    #[test]
    fn r02_a_changed_byte_is_no_token_or_another_one(parts in any_parts(), at in any::<prop::sample::Index>()) {
        let encoded = token(parts).encode();
        let original = encoded.as_str().as_bytes();
        let at = at.index(original.len());
        for byte in (0..=u8::MAX).filter(|byte| *byte != original[at]) {
            let mut changed = original.to_vec();
            changed[at] = byte;
            if let Some(other) = Token::parse(&changed) {
                prop_assert_ne!(self::parts(&other), parts);
                let again = other.encode();
                prop_assert_eq!(again.as_str().as_bytes(), changed.as_slice());
            }
        }
    }

    #[test]
    fn whatever_is_read_is_written_the_same_way(text in "[A-Za-z0-9_-]{43}([.][A-Za-z0-9_-]{14})?") {
        if let Some(token) = Token::parse(text.as_bytes()) {
            let again = token.encode();
            prop_assert_eq!(again.as_str(), text.as_str());
        }
    }
}
