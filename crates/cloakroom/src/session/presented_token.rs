use crate::token::Token;

/// What a request shows of its client's token, as the transport read it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum PresentedToken {
    /// No token.
    #[default]
    Missing,
    Valid(Token),
    /// One that is good, and that its client should get again, as tokens are written now.
    NeedsReissue(Token),
    /// Something that opens nothing, and that cannot be taken for nothing either.
    Refused(TokenRefusal),
}

/// Why what a request shows opens no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRefusal {
    /// It is no token, or not one of ours, or its time is over.
    Invalid,
    /// Two carriers, or two fields, that may not be mixed: a read does not believe that there is no token either.
    ConflictingTokens,
    /// Several cookies that can be tokens. A read takes them for none; a write could overwrite the visitor's own.
    SeveralCookies,
    /// More cookies than are read, so the visitor's own may be among them, as above.
    OversizedCookies,
}

/// A way by which a token travels.
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
