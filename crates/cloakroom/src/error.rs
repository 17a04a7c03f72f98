use std::error::Error;
use std::fmt;

use crate::cache::{ChangeError, CodecError, LoadFailure, TooLarge};
use crate::crypto::OpenError;
#[cfg(feature = "keys")]
use crate::crypto::SealError;
use crate::random::RandomError;
use crate::store::{StoreError, StoreErrorKind};
use crate::sync::Arc;

/// An error returned by a session method.
///
/// If a method fails, nothing was changed. The only exception is
/// [`SessionErrorKind::OutcomeUnknown`]. With the `axum` feature, the error is a response with an
/// opaque body, so a handler can use `?`.
pub struct SessionError {
    kind: SessionErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The category of a [`SessionError`], for programmatic decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionErrorKind {
    /// The session has ended or the client's token has been replaced; or the request carries a
    /// token that opens nothing, and the layer [rejects](crate::config::OnInvalidToken) such
    /// requests. Response: 401.
    Ended,
    /// The request carries several tokens that must not be combined: a cookie and a bearer token,
    /// two `Authorization` fields, or, if the request writes, two different cookies with the
    /// session's name. None of them is used. Response: 400.
    Ambiguous,
    /// The request writes, and has more cookies than the library reads: the visitor's own cookie
    /// may be among the unread ones, and would be overwritten. Response: 431.
    TooManyCookies,
    /// The response has started, so a new token can no longer reach the client. Returned in a
    /// stream or on a WebSocket by operations that would start a session, log in or replace the
    /// token. Nothing was changed. Perform these operations before the handler returns. Response:
    /// 500.
    ResponseBegun,
    /// Other nodes kept committing the same value first. Response: 409.
    Conflict,
    /// The principal has reached its session limit. Response: 409.
    TooManySessions,
    /// The change would exceed a limit on one value or one session. Response: 413.
    TooLarge,
    /// Memory is full and nothing may be evicted. Response: 503 with `Retry-After`.
    Full,
    /// The shared tier could not be reached, or refused the request. Response: 503 with
    /// `Retry-After`.
    StoreUnavailable,
    /// The shared tier did not report whether it made the change. Response: 503 with `Retry-After`.
    OutcomeUnknown,
    /// The data stored under the value's key is of another type or damaged; the error's source
    /// reports which. The data is left unchanged. Response: 500.
    Decode,
    /// The stored data is sealed under a key that this process does not have. The data is left
    /// unchanged. Response: 500.
    UnknownKey,
    /// The stored data was altered, was moved here from elsewhere, or is not sealed although it
    /// must be. The data is left unchanged. Response: 500.
    SealBroken,
    /// The value cannot be encoded. Response: 500.
    Encode,
    /// The loader failed. Response: 503 with `Retry-After`.
    LoadFailed,
    /// The loader took longer than its policy allows. Response: 503 with `Retry-After`.
    LoadTimedOut,
    /// The loader panicked. Response: 500.
    LoadPanicked,
    /// The loader requested the value that it is loading, and would wait for itself. Response: 500.
    LoadCycle,
    /// Too many loaders are running, for this session or in total. Response: 503 with
    /// `Retry-After`.
    TooManyLoads,
    /// Too many streams watch this session on this node. Response: 429.
    TooManyWatches,
    /// The request does not carry a valid CSRF token for its session. Response: 403.
    CsrfRefused,
    /// The operating system provided no randomness. Response: 503 with `Retry-After`.
    NoRandomness,
    /// The cursor was not returned with a page of this list. Response: 400.
    InvalidCursor,
    /// No `SessionLayer` wraps this route. Response: 500.
    NoLayer,
}

impl SessionErrorKind {
    /// Returns `true` if some stored data cannot be read. This does not affect other data in the
    /// store.
    pub(crate) const fn is_unreadable(self) -> bool {
        matches!(self, Self::Decode | Self::UnknownKey | Self::SealBroken)
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Ended => "the session has ended",
            Self::Ambiguous => "the request carries several tokens that must not be combined",
            Self::TooManyCookies => "the request has more than 180 cookies or 16 KiB of cookies; not all were read",
            Self::ResponseBegun => {
                "the response has started, so a new token cannot reach the client; make the first write, log in and \
                 renew before the handler returns"
            }
            Self::Conflict => "other nodes kept committing the same value first",
            Self::TooManySessions => "the principal has reached its session limit",
            Self::TooLarge => "the change exceeds a limit",
            Self::Full => "the memory for sessions is full",
            Self::StoreUnavailable => "the session store is unavailable",
            Self::OutcomeUnknown => "the session store did not report whether it made the change",
            Self::Decode => "the stored data cannot be read as a value of this type",
            Self::UnknownKey => "stored data is encrypted with an unknown key",
            Self::SealBroken => "stored data was altered, moved, or is not sealed",
            Self::Encode => "the value cannot be encoded",
            Self::LoadFailed => "the loader failed",
            Self::LoadTimedOut => "the loader took too long",
            Self::LoadPanicked => "the loader panicked",
            Self::LoadCycle => "the loader requested the value that it loads",
            Self::TooManyLoads => "too many loaders are running",
            Self::TooManyWatches => {
                "too many streams watch this session; drop those that nobody reads, or raise `max_watches_per_session`"
            }
            Self::CsrfRefused => "the request has no valid CSRF token for its session",
            Self::NoRandomness => "the operating system provided no randomness",
            Self::InvalidCursor => "the cursor was not returned with a page of this list",
            Self::NoLayer => "no SessionLayer wraps this route; add `.layer(SessionLayer::new(sessions))` after it",
        }
    }
}

/// A mistake in the application's code, described for its developer. A debug build shows it in the
/// response.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct CallerMistake(String);

impl SessionError {
    pub(crate) fn caller_mistake(kind: SessionErrorKind, what: String) -> Self {
        Self::with_source(kind, CallerMistake(what))
    }

    /// Returns what to change in the application's code, if the application caused the error.
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

    /// Returns the category of the error.
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

/// Prints the `Display` text and the sources, because `main` and `unwrap` print errors with
/// `Debug`.
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

#[cfg(feature = "keys")]
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
                    TooLarge::Value => "one value is larger than `session_limits.value_bytes`",
                    TooLarge::Session => "the values of the session together are larger than `session_limits.bytes`",
                    TooLarge::Count => "there are more values than `session_limits.values`",
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
