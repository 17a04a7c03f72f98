use std::error::Error;
use std::fmt;

/// A fault of the shared tier. Absence, conflict and expiry are results, never errors.
pub struct StoreError {
    kind: StoreErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

/// The conclusion that a caller may draw from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store was not reached; nothing happened there.
    Unavailable,
    /// The reply was lost; the store may or may not have acted.
    Unknown,
    /// The record as a whole cannot be decoded. It is left unchanged.
    Corrupt,
    /// The store refused for a reason of its own, such as missing permissions or a full disk;
    /// nothing happened.
    Refused,
    /// The cursor of a page was not issued by this store.
    InvalidCursor,
}

impl StoreErrorKind {
    /// Returns the kind's name in metrics and spans: `unavailable`, `unknown`, `corrupt`, `refused`
    /// or `invalid_cursor`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::Corrupt => "corrupt",
            Self::Refused => "refused",
            Self::InvalidCursor => "invalid_cursor",
        }
    }
}

impl StoreError {
    /// A fault of the given kind.
    pub fn new(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }

    /// The conclusion that the caller may draw.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the session store is unavailable",
            StoreErrorKind::Unknown => "the session store may or may not have acted",
            StoreErrorKind::Corrupt => "the session record cannot be decoded",
            StoreErrorKind::Refused => "the session store refused the operation",
            StoreErrorKind::InvalidCursor => "the cursor was not issued by the session store",
        })
    }
}

/// Prints the kind, the message and its sources, because `main` and `unwrap` print errors with
/// `Debug`.
impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        crate::plain_debug::chain(f, self)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
