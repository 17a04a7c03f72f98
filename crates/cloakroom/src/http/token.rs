//! stand-in
use crate::identity::{Hint, Secret, Tag, Token};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B};
impl Token {
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (head, hint) = match text.len() { 43 => (text, None), 58 => (&text[..43], Some(&text[44..])), _ => return None };
        let raw = B.decode(head).ok()?;
        let hint = match hint { None => None, Some(h) => { let h = B.decode(h).ok()?; Some(Hint { version: u64::from_be_bytes(h[..8].try_into().ok()?), nonce: u16::from_be_bytes(h[8..].try_into().ok()?) }) } };
        Some(Self { tag: Tag::from_bytes(raw[..16].try_into().ok()?), secret: Secret::from_bytes(raw[16..].try_into().ok()?), hint })
    }
    pub(super) fn encode(&self) -> String {
        let mut s = B.encode([*self.tag.as_bytes(), *self.secret.as_bytes()].concat());
        if let Some(h) = self.hint { s.push('.'); let mut b = h.version.to_be_bytes().to_vec(); b.extend(h.nonce.to_be_bytes()); s.push_str(&B.encode(b)); }
        s
    }
}
