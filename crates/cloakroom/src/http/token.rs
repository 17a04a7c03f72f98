//! A token as text: what a cookie or a bearer header carries.
//!
//! ```text
//! base64url(tag ‖ secret)                                  43 characters
//! base64url(tag ‖ secret) "." base64url(version ‖ nonce)   58 characters
//! ```
//!
//! Version and nonce are big-endian. There is no padding, and bits that encode nothing are zero:
//! a token has exactly one spelling (RFC 4648 §3.5), so that nothing which compares tokens as
//! text, such as a deny list or a log filter, can be led around by another one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::identity::{Hint, Secret, Tag, Token};

/// Of 32 bytes.
const IDENTITY: usize = 43;
/// Of 10 bytes.
const HINT: usize = 14;
/// How long a token is at most.
pub(crate) const LONGEST: usize = IDENTITY + 1 + HINT;

impl Token {
    /// Reads the one spelling of a token; anything else is no token.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (identity, hint) = match text.len() {
            IDENTITY => (text, None),
            LONGEST => {
                let (identity, rest) = text.split_at(IDENTITY);
                (identity, Some(hint(rest.strip_prefix(b".")?)?))
            }
            _ => return None,
        };
        let bytes: [u8; 32] = decode(identity)?;
        let ([tag, secret], []) = bytes.as_chunks::<16>() else { return None };
        Some(Self { tag: Tag::from_bytes(*tag), secret: Secret::from_bytes(*secret), hint })
    }

    /// Writes the one spelling of this token.
    pub(crate) fn encode(&self) -> EncodedToken {
        let mut encoded = EncodedToken { text: [0; LONGEST], length: 0 };
        let mut identity = [0; 32];
        identity[..16].copy_from_slice(self.tag.as_bytes());
        identity[16..].copy_from_slice(self.secret.as_bytes());
        encoded.push(&identity);
        if let Some(hint) = self.hint {
            encoded.text[encoded.length] = b'.';
            encoded.length += 1;
            let mut bytes = [0; 10];
            bytes[..8].copy_from_slice(&hint.version.to_be_bytes());
            bytes[8..].copy_from_slice(&hint.nonce.to_be_bytes());
            encoded.push(&bytes);
        }
        encoded
    }
}

fn hint(text: &[u8]) -> Option<Hint> {
    let [a, b, c, d, e, f, g, h, nonce @ ..] = decode::<10>(text)?;
    Some(Hint { version: u64::from_be_bytes([a, b, c, d, e, f, g, h]), nonce: u16::from_be_bytes(nonce) })
}

/// Refuses padding, spare bits, foreign characters and other lengths.
///
/// By hand, because every request decodes 32 bytes: 375 instructions, where the crate that encodes takes 515.
fn decode<const BYTES: usize>(text: &[u8]) -> Option<[u8; BYTES]> {
    if text.len() != (BYTES * 8).div_ceil(6) {
        return None;
    }
    // What is missing decodes to zeros, as the spare bits of the last character must.
    let mut sextets = [b'A'; 48];
    sextets.get_mut(..text.len())?.copy_from_slice(text);
    let mut foreign = 0;
    for character in &mut sextets {
        *character = sextet(*character);
        foreign |= *character;
    }
    let mut decoded = [0; 36];
    for (bytes, sextets) in decoded.as_chunks_mut::<6>().0.iter_mut().zip(sextets.as_chunks::<8>().0) {
        *bytes = gather(*sextets);
    }
    let (bytes, spare) = decoded.split_first_chunk::<BYTES>()?;
    (foreign < FOREIGN && spare.iter().all(|byte| *byte == 0)).then_some(*bytes)
}

/// What no character of the alphabet stands for.
const FOREIGN: u8 = 64;

/// What a character stands for. Without a branch, so that sixteen are done at a step.
const fn sextet(character: u8) -> u8 {
    const fn shifted(character: u8, first: u8, last: u8, value: u8) -> u8 {
        let offset = character.wrapping_sub(first);
        // One more than its value, so that nothing is zero.
        if offset <= last - first { offset + value + 1 } else { 0 }
    }
    let found = shifted(character, b'A', b'Z', 0)
        | shifted(character, b'a', b'z', 26)
        | shifted(character, b'0', b'9', 52)
        | shifted(character, b'-', b'-', 62)
        | shifted(character, b'_', b'_', 63);
    if found == 0 { FOREIGN } else { found - 1 }
}

/// Moves eight times six bits together.
const fn gather(sextets: [u8; 8]) -> [u8; 6] {
    let bits = u64::from_be_bytes(sextets);
    let bits = (bits & 0x003f_003f_003f_003f) | ((bits & 0x3f00_3f00_3f00_3f00) >> 2);
    let bits = (bits & 0x0000_0fff_0000_0fff) | ((bits & 0x0fff_0000_0fff_0000) >> 4);
    let bits = (bits & 0x00ff_ffff) | ((bits & 0x00ff_ffff_0000_0000) >> 8);
    let [_, _, a, b, c, d, e, f] = bits.to_be_bytes();
    [a, b, c, d, e, f]
}

/// The text of a token, on the stack.
#[derive(Clone, Copy)]
pub(crate) struct EncodedToken {
    text: [u8; LONGEST],
    length: usize,
}

impl EncodedToken {
    pub(crate) fn as_str(&self) -> &str {
        // Base64 is ASCII, so the default is never taken.
        std::str::from_utf8(&self.text[..self.length]).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        // Both parts fit by the lengths above, so the default is never taken.
        let free = &mut self.text[self.length..];
        self.length += URL_SAFE_NO_PAD.encode_slice(bytes, free).unwrap_or_default();
    }
}

impl fmt::Debug for EncodedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodedToken(..)")
    }
}

#[cfg(test)]
mod tests;
