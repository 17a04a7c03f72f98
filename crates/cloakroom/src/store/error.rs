use std::error::Error;
use std::fmt;

/// A fault of the shared tier. Absence, conflict and expiry are answers, never errors.
pub struct StoreError {
    kind: StoreErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

/// What a caller may conclude from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store was not reached; nothing happened there.
    Unavailable,
    /// The store may or may not have acted: the reply was lost.
    Unknown,
    /// The record as a whole does not decode. It is left as it is.
    Corrupt,
    /// The store refused for a reason of its own, such as missing rights or a full disk; nothing happened.
    Refused,
    /// The cursor of a page is none of this store's.
    InvalidCursor,
}

impl StoreError {
    /// A fault of the given kind.
    pub fn new(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }

    /// What may be concluded.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the session store is unavailable",
            StoreErrorKind::Unknown => "the session store did not say whether it acted",
            StoreErrorKind::Corrupt => "the session record does not decode",
            StoreErrorKind::Refused => "the session store refused",
            StoreErrorKind::InvalidCursor => "the cursor is none of the session store's",
        })
    }
}

/// Says what `Display` says, and why, because `main` and `unwrap` print errors with `Debug`.
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
