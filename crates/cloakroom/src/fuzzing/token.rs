use crate::crypto::{Key, KeyRing, MacKeys, Purpose};
use crate::token::SignedToken;
use crate::token::{Secret, Selector, Token, VersionHint};

/// The content of a token. Tokens themselves are not compared, because secrets are not.
type Parts = ([u8; 16], [u8; 16], Option<VersionHint>);

/// Compares the token parser with a bitwise reference, and the parser of signed tokens with their
/// writer.
///
/// An input is the text of a token; 32 or 42 bytes are also the parts of one.
///
/// # Panics
/// If they differ, or if a token has two spellings.
pub fn token(input: &[u8]) {
    let keys = keys();
    let parsed = parsed(input);
    assert_eq!(parsed, slowly(input));
    if let Some(parts) = parsed {
        assert_eq!(made(parts).encode().as_str().as_bytes(), input, "a token has one spelling");
    }
    if let Some(parts) = parts(input) {
        survives(parts, &keys);
    }
    if let Some(parts) = unsealed(input, &keys) {
        assert_eq!(made(parts).sign(&keys).as_str().as_bytes(), input, "a signed token has one spelling");
        assert_eq!(parsed, None);
    }
}

fn survives(parts: Parts, keys: &MacKeys) {
    let (plain, sealed) = (made(parts).encode(), made(parts).sign(keys));
    let (plain, sealed) = (plain.as_str().as_bytes(), sealed.as_str().as_bytes());
    assert_eq!(parsed(plain), Some(parts), "a token survives a round trip through its text");
    assert_eq!(unsealed(sealed, keys), Some(parts), "a signed token survives a round trip through its text");
    assert_eq!(parsed(sealed), None, "a signed token is not a plain one");
}

fn keys() -> MacKeys {
    let secret: [u8; 32] = std::array::from_fn(|index| (index * index + 200) as u8);
    let key = Key::new(7, secret).unwrap_or_else(|error| panic!("the key is valid: {error}"));
    MacKeys::new(&KeyRing::new(key), Purpose::Token, b"cookie:fuzz")
}

fn parsed(text: &[u8]) -> Option<Parts> {
    Token::parse(text).map(|token| said(&token))
}

fn unsealed(text: &[u8], keys: &MacKeys) -> Option<Parts> {
    match Token::verify_signed(text, keys) {
        SignedToken::Valid(token) | SignedToken::Outdated(token) => Some(said(&token)),
        SignedToken::Malformed | SignedToken::Forged | SignedToken::UnknownKey => None,
    }
}

fn said(token: &Token) -> Parts {
    (*token.selector.as_bytes(), *token.secret.as_bytes(), token.hint)
}

fn made((selector, secret, hint): Parts) -> Token {
    Token { selector: Selector::from_bytes(selector), secret: Secret::from_bytes(secret), hint }
}

/// The documented rules, one after the other.
fn slowly(text: &[u8]) -> Option<Parts> {
    let mut halves = text.split(|byte| *byte == b'.');
    let identity = bytes(halves.next()?)?;
    let hint = halves.next().map(bytes);
    if identity.len() != 32 || halves.next().is_some() {
        return None;
    }
    match hint {
        None => parts(&identity),
        Some(hint) => parts(&[identity, hint.filter(|hint| hint.len() == 10)?].concat()),
    }
}

/// Decodes base64url, one bit at a time.
fn bytes(text: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Vec::new();
    for letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits.extend((0..6).rev().map(|bit| (value >> bit) & 1));
    }
    let (whole, spare) = bits.split_at(bits.len() / 8 * 8);
    let is_canonical = spare.len() < 6 && spare.iter().all(|bit| *bit == 0);
    is_canonical.then(|| whole.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| (sum << 1) | bit)).collect())
}

fn parts(bytes: &[u8]) -> Option<Parts> {
    let selector = bytes.get(..16)?.try_into().ok()?;
    let secret = bytes.get(16..32)?.try_into().ok()?;
    match bytes.len() {
        32 => Some((selector, secret, None)),
        42 => {
            let version = u64::from_be_bytes(bytes[32..40].try_into().ok()?);
            let nonce = u16::from_be_bytes(bytes[40..].try_into().ok()?);
            Some((selector, secret, Some(VersionHint { version, nonce })))
        }
        _ => None,
    }
}
