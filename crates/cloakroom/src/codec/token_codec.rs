use std::fmt;

use crate::time::Timestamp;

use super::{DecodedToken, IssuedToken, TokenContents};

/// A format of session tokens, for [`Transport::codec`](crate::Transport::codec).
///
/// Two codecs are equal if they encode and decode alike. Layers that are nested in each other share
/// a request's session only if their codecs are equal.
///
/// ```
/// use cloakroom::codec::{DecodedToken, IssuedToken, PlainToken, TokenCodec, TokenContents};
/// use cloakroom::{Timestamp, TokenHeader, Transport};
///
/// /// Plain tokens with a prefix that scanners for leaked secrets recognise.
/// #[derive(Debug, PartialEq)]
/// struct Prefixed(&'static str);
///
/// impl Prefixed {
///     fn parse(&self, text: &[u8]) -> Option<PlainToken> {
///         PlainToken::parse(text.strip_prefix(self.0.as_bytes())?)
///     }
/// }
///
/// impl TokenCodec for Prefixed {
///     fn max_len(&self) -> usize {
///         self.0.len() + PlainToken::MAX_LEN
///     }
///
///     fn is_well_formed(&self, text: &[u8]) -> bool {
///         self.parse(text).is_some()
///     }
///
///     fn decode(&self, text: &[u8], _: Timestamp) -> DecodedToken {
///         self.parse(text).map_or(DecodedToken::Malformed, DecodedToken::Valid)
///     }
///
///     fn encode(&self, contents: &TokenContents) -> Option<IssuedToken> {
///         let text = format!("{}{}", self.0, *contents.token.to_text());
///         Some(IssuedToken::new(text, contents.lifetime))
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let transport = Transport::bearer(TokenHeader::default()).codec(Prefixed("shop_"))?;
/// # drop(transport);
/// # Ok(())
/// # }
/// ```
///
/// Its methods run within a request and must not block. Never print a text or a
/// [`PlainToken`](super::PlainToken).
pub trait TokenCodec: PartialEq + fmt::Debug + Send + Sync + 'static {
    /// Returns the maximum length of a text that [`encode`](Self::encode) returns, in bytes.
    ///
    /// Browsers keep cookies of up to 4096 bytes in all. Bearer tokens of 8 KiB are not read.
    fn max_len(&self) -> usize;

    /// Returns `true` if a text has the format. It need not have been issued.
    ///
    /// Of several cookies with the session's name, those without the format are ignored. Must
    /// return `true` for every text that [`decode`](Self::decode) accepts.
    fn is_well_formed(&self, text: &[u8]) -> bool;

    /// Decodes a text that a client sent, which may be any bytes.
    ///
    /// Accept one spelling of each token only, so that a deny list or a log filter that compares
    /// texts cannot be bypassed.
    fn decode(&self, text: &[u8], now: Timestamp) -> DecodedToken;

    /// Encodes a session's token for its client.
    ///
    /// Returns `None` if that fails; log the reason. The client then keeps its present token. So it
    /// does if the text is longer than [`max_len`](Self::max_len), or is not a `b64token` (RFC 6750
    /// §2.1).
    fn encode(&self, contents: &TokenContents) -> Option<IssuedToken>;
}
