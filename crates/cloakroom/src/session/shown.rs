use crate::identity::Token;

/// What a request shows of its client's token, as the transport read it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Shown {
    /// None that could open anything.
    #[default]
    Nothing,
    Token(Token),
    /// One that is good, and that its client should get again, as tokens are written now.
    Outdated(Token),
    /// Several that may not be mixed: none is believed, nor that there is none.
    Contradiction,
}

/// A way by which a token travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Cookie,
    Header,
}

impl Shown {
    pub(crate) const fn is_contradiction(&self) -> bool {
        matches!(self, Self::Contradiction)
    }

    pub(super) const fn token(&self) -> Option<&Token> {
        match self {
            Self::Token(token) | Self::Outdated(token) => Some(token),
            Self::Nothing | Self::Contradiction => None,
        }
    }
}
