use crate::identity::Token;

/// What a request shows of its client's token, as the transport read it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Shown {
    /// No token.
    #[default]
    Nothing,
    Token(Token),
    /// One that is good, and that its client should get again, as tokens are written now.
    Outdated(Token),
    /// Something that opens nothing, and that cannot be taken for nothing either.
    Refused(Refusal),
}

/// Why what a request shows opens no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is no token, or not one of ours, or its time is over.
    Invalid,
    /// Two carriers, or two fields, that may not be mixed: a read does not believe that there is no token either.
    Contradiction,
    /// Several cookies that can be tokens. A read takes them for none; a write could overwrite the visitor's own.
    SeveralCookies,
    /// More cookies than are read, so the visitor's own may be among them, as above.
    OversizedCookies,
}

/// A way by which a token travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Cookie,
    Header,
}

impl Shown {
    pub(super) const fn token(&self) -> Option<&Token> {
        match self {
            Self::Token(token) | Self::Outdated(token) => Some(token),
            Self::Nothing | Self::Refused(_) => None,
        }
    }

    pub(crate) const fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal) => Some(*refusal),
            Self::Nothing | Self::Token(_) | Self::Outdated(_) => None,
        }
    }
}
