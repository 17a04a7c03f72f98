use std::error::Error;
use std::fmt;

use crate::cache::{ChangeError, CodecError, LoadFailure, TooLarge};
use crate::crypto::{OpenError, SealError};
use crate::random::RandomError;
use crate::store::{StoreError, StoreErrorKind};
use crate::sync::Arc;

/// Why a verb of a session could not do its work.
///
/// Nothing was changed when a verb fails, with one exception that its kind names:
/// [`SessionErrorKind::OutcomeUnknown`]. With the feature `axum` it is a response with an opaque
/// body, so a handler can use `?`.
pub struct SessionError {
    kind: SessionErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What went wrong, for decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionErrorKind {
    /// The session is over, or the client's token was replaced since; or the request shows a token that opens nothing,
    /// where that is [not the same](crate::config::OnInvalidToken) as to show none. Response: 401.
    Ended,
    /// The request shows several tokens that may not be mixed: a cookie and a bearer token, two `Authorization`
    /// fields, or, if it writes, two different cookies of the session's name. Nothing of it is believed. Response: 400.
    Ambiguous,
    /// The request writes, and has more cookies than are read: the visitor's own may be among them, and would be
    /// overwritten. Response: 431.
    TooManyCookies,
    /// The response has begun, so that a new token cannot reach the client any more: in a stream or on a WebSocket, what
    /// would start a session, log in or replace the token. Nothing was changed. Do it before the handler answers.
    /// Response: 500.
    ResponseBegun,
    /// Other nodes wrote the same value first, again and again. Response: 409.
    Conflict,
    /// The principal has as many sessions as it may have. Response: 409.
    TooManySessions,
    /// The change would exceed a limit on one value or one session. Response: 413.
    TooLarge,
    /// Memory is full and nothing may be evicted. Response: 503 with `Retry-After`.
    Full,
    /// The shared tier was not reached, or refused. Response: 503 with `Retry-After`.
    StoreUnavailable,
    /// The shared tier did not say whether it made the change. Response: 503 with `Retry-After`.
    OutcomeUnknown,
    /// What is stored under the value's key is not a value of this type: of another type, or damaged, which the source
    /// says. It is left as it is. Response: 500.
    Decode,
    /// What is stored is sealed under a key that this process does not have. It is left as it is. Response: 500.
    UnknownKey,
    /// What is stored was altered, moved here from elsewhere, or is not sealed though it has to be. It is left as
    /// it is. Response: 500.
    SealBroken,
    /// The value cannot be encoded. Response: 500.
    Encode,
    /// The loader failed. Response: 503 with `Retry-After`.
    LoadFailed,
    /// The loader took longer than its policy allows. Response: 503 with `Retry-After`.
    LoadTimedOut,
    /// The loader panicked. Response: 500.
    LoadPanicked,
    /// The loader asks for the very value that it loads, and would wait for itself. Response: 500.
    LoadCycle,
    /// Too many loaders are at work, of this session or in all. Response: 503 with `Retry-After`.
    TooManyLoads,
    /// The request does not show a CSRF token of its session. Response: 403.
    CsrfRefused,
    /// The operating system gave no randomness. Response: 503 with `Retry-After`.
    NoRandomness,
    /// The cursor of a page is not one that a page of this list has answered. Response: 400.
    InvalidCursor,
    /// No `SessionLayer` wraps this route. Response: 500.
    NoLayer,
}

impl SessionErrorKind {
    /// Whether something is there that cannot be read, which is no fault of anything else in the store.
    pub(crate) const fn is_unreadable(self) -> bool {
        matches!(self, Self::Decode | Self::UnknownKey | Self::SealBroken)
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Ended => "the session is over",
            Self::Ambiguous => "the request shows several tokens that may not be mixed",
            Self::TooManyCookies => "the request has more than 16 KiB or 180 cookies, so that they were not all read",
            Self::ResponseBegun => {
                "the response has begun, so that its client cannot be given a token any more; write the first value, log in \
                 and renew before the handler answers"
            }
            Self::Conflict => "other nodes wrote the same value first, again and again",
            Self::TooManySessions => "the principal has as many sessions as it may have",
            Self::TooLarge => "the change exceeds a limit",
            Self::Full => "the memory for sessions is full",
            Self::StoreUnavailable => "the session store is unavailable",
            Self::OutcomeUnknown => "the session store did not say whether it made the change",
            Self::Decode => "what is stored cannot be read as a value of this type",
            Self::UnknownKey => "what is stored is sealed under a key that is not here",
            Self::SealBroken => "what is stored is not as it was sealed",
            Self::Encode => "the value cannot be encoded",
            Self::LoadFailed => "the loader failed",
            Self::LoadTimedOut => "the loader took too long",
            Self::LoadPanicked => "the loader panicked",
            Self::LoadCycle => "the loader asks for the value that it loads",
            Self::TooManyLoads => "too many loaders are at work",
            Self::CsrfRefused => "the request does not show a CSRF token of its session",
            Self::NoRandomness => "the operating system gave no randomness",
            Self::InvalidCursor => "the cursor is not one that a page of this list has answered",
            Self::NoLayer => "no SessionLayer wraps this route; add `.layer(SessionLayer::new(sessions))` after it",
        }
    }
}

/// A mistake in the application's code, in words for whoever wrote it. A debug build shows it in the response.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct CallerMistake(String);

impl SessionError {
    pub(crate) fn caller_mistake(kind: SessionErrorKind, what: String) -> Self {
        Self::with_source(kind, CallerMistake(what))
    }

    /// What is to be changed in the application's code, where that is the trouble.
    #[cfg(feature = "axum")]
    pub(crate) fn as_caller_mistake(&self) -> Option<&str> {
        self.source()?.downcast_ref::<CallerMistake>().map(|mistake| mistake.0.as_str())
    }

    pub(crate) const fn new(kind: SessionErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn with_source(kind: SessionErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: Some(Arc::from(source.into())) }
    }

    pub(crate) const fn invalid_cursor() -> Self {
        Self::new(SessionErrorKind::InvalidCursor)
    }

    pub(crate) fn encode(source: CodecError) -> Self {
        Self::with_source(SessionErrorKind::Encode, source)
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> SessionErrorKind {
        self.kind
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())
    }
}

/// Says what `Display` says, and why, because `main` and `unwrap` print errors with `Debug`.
impl fmt::Debug for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        crate::plain_debug::chain(f, self)
    }
}

impl Error for SessionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind() {
            StoreErrorKind::Unknown => SessionErrorKind::OutcomeUnknown,
            StoreErrorKind::Corrupt => SessionErrorKind::Decode,
            StoreErrorKind::InvalidCursor => SessionErrorKind::InvalidCursor,
            StoreErrorKind::Unavailable | StoreErrorKind::Refused => SessionErrorKind::StoreUnavailable,
        };
        Self::with_source(kind, error)
    }
}

impl From<RandomError> for SessionError {
    fn from(error: RandomError) -> Self {
        Self::with_source(SessionErrorKind::NoRandomness, error)
    }
}

impl From<OpenError> for SessionError {
    fn from(why: OpenError) -> Self {
        let kind = match why {
            OpenError::UnknownKey | OpenError::NoKeys => SessionErrorKind::UnknownKey,
            OpenError::Broken | OpenError::Unsealed => SessionErrorKind::SealBroken,
        };
        Self::with_source(kind, why)
    }
}

impl From<SealError> for SessionError {
    fn from(why: SealError) -> Self {
        match why {
            SealError::Random(error) => error.into(),
            SealError::TooLong => Self::with_source(SessionErrorKind::TooLarge, why),
        }
    }
}

impl From<ChangeError> for SessionError {
    fn from(refused: ChangeError) -> Self {
        match refused {
            ChangeError::Ended(_) | ChangeError::Superseded => Self::new(SessionErrorKind::Ended),
            ChangeError::Conflict | ChangeError::Invalidated => Self::new(SessionErrorKind::Conflict),
            ChangeError::Full => Self::new(SessionErrorKind::Full),
            ChangeError::TooLarge(which) => Self::with_source(
                SessionErrorKind::TooLarge,
                match which {
                    TooLarge::Value => "one value is larger than `max_value_bytes`",
                    TooLarge::Session => "the values together are larger than `max_session_bytes`",
                    TooLarge::Count => "there are more values than `max_values`",
                },
            ),
        }
    }
}

impl From<Arc<LoadFailure>> for SessionError {
    fn from(failure: Arc<LoadFailure>) -> Self {
        let kind = match &*failure {
            LoadFailure::Failed(_) => SessionErrorKind::LoadFailed,
            LoadFailure::Panicked => SessionErrorKind::LoadPanicked,
            LoadFailure::TimedOut => SessionErrorKind::LoadTimedOut,
            LoadFailure::Cycle(_) => SessionErrorKind::LoadCycle,
            LoadFailure::TooMany => SessionErrorKind::TooManyLoads,
        };
        Self { kind, source: Some(failure) }
    }
}
