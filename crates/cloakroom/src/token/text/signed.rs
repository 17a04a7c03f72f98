//! The text of a signed token, which has a MAC.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::{MAC_BYTES, MacKeys, MacResult};
use crate::token::Token;
use crate::token::secret::Secret;
use crate::token::selector::Selector;

use crate::token::text::{EncodedToken, hint_bytes, hint_from};

/// Key id, selector and secret.
const IDENTITY: usize = 1 + 16 + 16;
/// Version and nonce.
const HINT: usize = 10;
const MAX_SIGNED_LEN: usize = IDENTITY + HINT + MAC_BYTES;
/// The lengths in base64url.
const SHORT_TEXT: usize = 66;
const LONG_TEXT: usize = crate::token::text::MAX_TOKEN_LEN;

/// The result of verifying a text as a signed token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SignedToken {
    /// Signed under the active key.
    Valid(Token),
    /// Signed under a previous key.
    Outdated(Token),
    /// Not the one spelling of a token.
    Malformed,
    /// Well-formed, but not signed under the key that it names, or not for this carrier.
    Forged,
    /// Names a key that is not in the ring.
    UnknownKey,
}

impl Token {
    /// Verifies a signed token in its one spelling. No part of it is used before the MAC was
    /// checked.
    pub(crate) fn verify_signed(text: &[u8], keys: &MacKeys) -> SignedToken {
        let mut bytes = [0; MAX_SIGNED_LEN];
        let Some(signed) = decode(text, &mut bytes) else { return SignedToken::Malformed };
        let (Some((message, mac)), Some(id)) = (signed.split_last_chunk::<MAC_BYTES>(), signed.first()) else {
            return SignedToken::Malformed;
        };
        let verdict = keys.verify(*id, message, mac);
        let Some(token) = parts(&message[1..]) else { return SignedToken::Malformed };
        match verdict {
            MacResult::Active => SignedToken::Valid(token),
            MacResult::Accepted => SignedToken::Outdated(token),
            MacResult::Forged => SignedToken::Forged,
            MacResult::UnknownKey => SignedToken::UnknownKey,
        }
    }

    /// Signs this token under the active key, in its one spelling.
    pub(crate) fn sign(&self, keys: &MacKeys) -> EncodedToken {
        let mut bytes = [0; MAX_SIGNED_LEN];
        bytes[0] = keys.active();
        bytes[1..17].copy_from_slice(self.selector.as_bytes());
        bytes[17..IDENTITY].copy_from_slice(self.secret.as_bytes());
        let mut end = IDENTITY;
        if let Some(hint) = self.hint {
            bytes[end..end + HINT].copy_from_slice(&hint_bytes(hint));
            end += HINT;
        }
        let mac = keys.sign(&bytes[..end]);
        bytes[end..end + MAC_BYTES].copy_from_slice(&mac);
        EncodedToken::of(&bytes[..end + MAC_BYTES])
    }
}

/// Returns `true` if a text has the format of a signed token. The MAC is not verified.
pub(crate) fn is_signed(text: &[u8]) -> bool {
    decode(text, &mut [0; MAX_SIGNED_LEN]).is_some()
}

/// The engine refuses padding, spare bits and foreign characters; the lengths are checked here.
fn decode<'b>(text: &[u8], bytes: &'b mut [u8; MAX_SIGNED_LEN]) -> Option<&'b [u8]> {
    let expected = match text.len() {
        SHORT_TEXT => MAX_SIGNED_LEN - HINT,
        LONG_TEXT => MAX_SIGNED_LEN,
        _ => return None,
    };
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes[..expected]).ok()?;
    (written == expected).then_some(&bytes[..expected])
}

fn parts(bytes: &[u8]) -> Option<Token> {
    let (selector, rest) = bytes.split_first_chunk::<16>()?;
    let (secret, hint) = rest.split_first_chunk::<16>()?;
    let hint = if hint.is_empty() { None } else { Some(hint_from(*hint.first_chunk::<HINT>()?)) };
    Some(Token { selector: Selector::from_bytes(*selector), secret: Secret::from_bytes(*secret), hint })
}

#[cfg(test)]
mod tests;
