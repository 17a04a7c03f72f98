use crate::token::Token;

/// The token that a request presents, as the transport read it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum PresentedToken {
    /// No token.
    #[default]
    Missing,
    Valid(Token),
    /// A valid token that the client should get again in the current format.
    NeedsReissue(Token),
    /// Data that opens nothing, but must not be treated as absent either.
    Refused(TokenRefusal),
}

/// Reason why the presented token opens no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRefusal {
    /// Not a token, not one of ours, or expired.
    Invalid,
    /// Two carriers or two fields that must not be combined: a read does not treat this as "no
    /// token" either.
    ConflictingTokens,
    /// Several cookies that could be tokens. A read treats them as none; a write could overwrite
    /// the visitor's own.
    SeveralCookies,
    /// More cookies than are read: the visitor's own may be among the unread ones. Handled like
    /// several cookies.
    OversizedCookies,
}

/// How a token travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CarrierKind {
    Cookie,
    Header,
}

impl PresentedToken {
    pub(super) const fn token(&self) -> Option<&Token> {
        match self {
            Self::Valid(token) | Self::NeedsReissue(token) => Some(token),
            Self::Missing | Self::Refused(_) => None,
        }
    }

    pub(crate) const fn refusal(&self) -> Option<TokenRefusal> {
        match self {
            Self::Refused(refusal) => Some(*refusal),
            Self::Missing | Self::Valid(_) | Self::NeedsReissue(_) => None,
        }
    }
}
