use std::time::Duration;

use crate::time::Timestamp;
use crate::token::Principal;

use super::PlainToken;

/// The input of an encoding: the token of the session, and facts that the text may state about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenContents {
    /// The token that the text must contain.
    pub token: PlainToken,
    /// The logged-in principal, if the request knows it. Often personal data: state it only if the
    /// application asked for that.
    pub principal: Option<Principal>,
    /// The time of issue, on the clock of the sessions.
    pub issued_at: Timestamp,
    /// How long the session lives at most, from the time of issue on.
    pub lifetime: Duration,
}

impl TokenContents {
    /// The contents for a session without a principal. For tests of a codec.
    #[must_use]
    pub const fn new(token: PlainToken, issued_at: Timestamp, lifetime: Duration) -> Self {
        Self { token, principal: None, issued_at, lifetime }
    }
}
