use super::PlainToken;

/// The result of decoding a text that a client sent.
///
/// Everything but the first two opens nothing: over a bearer token the response is 401, and a
/// cookie counts as none, unless
/// [`on_invalid_token`](crate::SessionLayer::on_invalid_token) is set. Each has a counter in
/// [`Stats`](crate::Stats).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum DecodedToken {
    /// The text is valid.
    Valid(PlainToken),
    /// The text is valid, and its client should receive a new one with the next response that uses
    /// the session: it expires soon, or its key is no longer used for new tokens.
    NeedsReissue(PlainToken),
    /// The text does not have the format. Counted as `tokens_malformed`.
    Malformed,
    /// The text has the format, but nobody was given it, or not for this purpose. Counted as
    /// `tokens_forged`.
    Forged,
    /// The text has expired or is not valid yet. Counted as `tokens_out_of_time`.
    Expired,
    /// The text was made with a key that is not known, or not accepted any more. Counted as
    /// `tokens_unknown_key`, and announced as
    /// [`TokenOfUnknownKey`](crate::EventKind::TokenOfUnknownKey).
    UnknownKey,
}
