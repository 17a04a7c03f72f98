use proptest::prelude::*;

use crate::crypto::{Key, KeyRing, MacKeys, Purpose};
use crate::http::corpus::sealed_tokens::{Expected, Seen, cases};
use crate::token::secret::Secret;
use crate::token::selector::Selector;
use crate::token::text::signed::SignedToken;
use crate::token::{Token, VersionHint};

type Parts = ([u8; 16], [u8; 16], Option<(u64, u16)>);

fn token((selector, secret, hint): Parts) -> Token {
    let hint = hint.map(|(version, nonce)| VersionHint { version, nonce });
    Token { selector: Selector::from_bytes(selector), secret: Secret::from_bytes(secret), hint }
}

fn parts(token: &Token) -> Parts {
    (*token.selector.as_bytes(), *token.secret.as_bytes(), token.hint.map(|hint| (hint.version, hint.nonce)))
}

fn key(id: u8) -> Key {
    use sha2::{Digest, Sha256};
    Key::new(id, Sha256::digest([id])).unwrap()
}

/// The active key is 2; 1 is a previous key.
fn keys(name: &str) -> MacKeys {
    MacKeys::new(&KeyRing::new(key(2)).with_previous(key(1)).unwrap(), Purpose::Token, name.as_bytes())
}

fn text(token: &Token, keys: &MacKeys) -> String {
    token.sign(keys).as_str().to_owned()
}

fn counting(from: u8) -> [u8; 16] {
    std::array::from_fn(|index| from + index as u8)
}

#[test]
fn a_token_with_a_mac_has_its_documented_form() {
    use base64::Engine as _;
    let keys = keys("cookie:a");
    for (hint, length, bytes) in [(None, 66, 49), (Some((0x102, 0xfffe)), 79, 59)] {
        let text = text(&token((counting(0), counting(16), hint)), &keys);
        assert_eq!(text.len(), length);
        let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&text).unwrap();
        assert_eq!(decoded.len(), bytes);
        let (message, mac) = decoded.split_at(bytes - 16);
        assert_eq!((message[0], &message[1..17], &message[17..33]), (2, &counting(0)[..], &counting(16)[..]));
        assert_eq!(mac, keys.sign(message));
        if hint.is_some() {
            assert_eq!(message[33..], [0, 0, 0, 0, 0, 0, 1, 2, 0xff, 0xfe]);
        }
    }
}

#[test]
fn r40_every_hostile_token_comes_to_what_it_should() {
    let (here, there) = (keys("cookie:a"), keys("cookie:b"));
    let (one, two) = (token((counting(0), counting(16), None)), token((counting(50), counting(70), None)));
    let seen = Seen {
        live: text(&one, &here),
        other: text(&two, &here),
        elsewhere: text(&one, &there),
        no_key: 3,
        accepted_key: 1,
    };
    let cases = cases(&seen);
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    for case in cases {
        let outcome = match Token::verify_signed(&case.token, &here) {
            SignedToken::Valid(token) => {
                assert_eq!(parts(&token), parts(&one), "{}", case.why);
                Expected::Live
            }
            SignedToken::Malformed => Expected::Malformed,
            SignedToken::Forged => Expected::Forged,
            SignedToken::UnknownKey => Expected::UnknownKey,
            SignedToken::Outdated(_) => panic!("{}", case.why),
        };
        assert_eq!(outcome, case.expected, "{}: {}", case.why, case.token.escape_ascii());
    }
}

#[test]
fn r38_a_token_of_an_accepted_key_is_good_and_outdated() {
    let before = MacKeys::new(&KeyRing::new(key(1)), Purpose::Token, b"cookie:a");
    let token = token((counting(0), counting(16), Some((7, 9))));
    let SignedToken::Outdated(read) = Token::verify_signed(text(&token, &before).as_bytes(), &keys("cookie:a")) else {
        panic!("the token must be accepted and reissued");
    };
    assert_eq!(parts(&read), parts(&token));
}

proptest! {
    #[test]
    fn every_token_survives_its_text(parts in any::<Parts>()) {
        let keys = keys("header:session-token");
        let read = Token::verify_signed(text(&token(parts), &keys).as_bytes(), &keys);
        prop_assert!(matches!(read, SignedToken::Valid(read) if self::parts(&read) == parts));
    }

    #[test]
    fn r02_a_changed_byte_is_never_believed(parts in any::<Parts>(), at in any::<prop::sample::Index>()) {
        let keys = keys("cookie:a");
        let original = text(&token(parts), &keys).into_bytes();
        let at = at.index(original.len());
        for byte in (0..=u8::MAX).filter(|byte| *byte != original[at]) {
            let mut changed = original.clone();
            changed[at] = byte;
            let read = Token::verify_signed(&changed, &keys);
            prop_assert!(!matches!(read, SignedToken::Valid(_) | SignedToken::Outdated(_)));
        }
    }

    #[test]
    fn r02_no_text_without_the_key_is_believed(text in "[A-Za-z0-9_-]{66}|[A-Za-z0-9_-]{79}|\\PC{0,100}") {
        let read = Token::verify_signed(text.as_bytes(), &keys("cookie:a"));
        prop_assert!(!matches!(read, SignedToken::Valid(_) | SignedToken::Outdated(_)));
    }
}
