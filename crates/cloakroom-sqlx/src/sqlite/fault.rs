//! Translation of the errors of SQLite and of the pool.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cloakroom::store::{StoreError, StoreErrorKind};

use crate::error::OpenError;
use crate::record::Malformed;

/// The kind of an error, which decides what it means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqliteErrorKind {
    Locked,
    ReadOnly,
    Full,
    Damaged,
    NotADatabase,
    CannotOpen,
    Denied,
    Io,
    /// No connection became free in time.
    Busy,
    Closed,
    /// The connection broke in the middle of a call.
    Broken,
    /// The call took longer than its deadline.
    Slow,
    /// The writer gave up the call.
    Interrupted,
    /// The file may have another owner.
    Replaced,
    Other,
}

impl SqliteErrorKind {
    pub(super) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                let code = error.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
                Self::of_code(code)
            }
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => Self::Broken,
            _ => Self::Other,
        }
    }

    /// The lower byte of a result code is its kind.
    const fn of_code(code: u32) -> Self {
        match code & 0xFF {
            3 | 23 => Self::Denied,
            5 | 6 => Self::Locked,
            8 => Self::ReadOnly,
            10 => Self::Io,
            11 => Self::Damaged,
            13 => Self::Full,
            14 => Self::CannotOpen,
            26 => Self::NotADatabase,
            _ => Self::Other,
        }
    }

    /// Returns `true` if another call in the same transaction may succeed without the one that
    /// failed.
    pub(super) const fn concerns_one_call(self) -> bool {
        matches!(self, Self::Full | Self::Other)
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Locked => "another program has locked the database; end its transaction",
            Self::ReadOnly => "the file is read-only; let this program write it and its folder",
            Self::Full => "the disk is full, or the database has reached its limit; free some space",
            Self::Damaged | Self::NotADatabase => {
                "the database is damaged; restore it from a backup or recover it with `.recover` of `sqlite3`"
            }
            Self::CannotOpen => "the file or one of its companions cannot be opened; check the folder and its rights",
            Self::Denied => "permission denied; let this program read and write the file and its folder",
            Self::Io => "the disk reports an error; check it",
            Self::Busy => "no connection of the pool became free in time; give the pool more connections",
            Self::Closed => "the store was closed, or the runtime in which it was opened has ended",
            Self::Broken => "the connection to the file broke; the next call uses a new one",
            Self::Slow => {
                "the database did not answer in time; another program may have locked it, or hold the connections of \
                 the pool"
            }
            Self::Interrupted => "the call was interrupted by a panic or by the end of the runtime",
            Self::Replaced => {
                "the database or its lock was deleted or replaced while this program used it; start the program again"
            }
            Self::Other => "SQLite reports an error",
        }
    }
}

/// An error of a call, with the file and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{}: {} ({detail})", location.display(), kind.remedy())]
struct Fault {
    location: PathBuf,
    kind: SqliteErrorKind,
    /// The error of SQLite or of the pool as text, or what became of the call: all calls of a transaction report the same one.
    detail: String,
}

const NOTHING_DONE: &str = "nothing was done";
const MAYBE_DONE: &str = "it may have been done nevertheless";

/// The place of a database, for messages.
#[derive(Clone, Debug)]
pub(super) struct Location(Arc<Path>);

impl Location {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.into())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The error of a call that did nothing.
    pub(super) fn fault(&self, error: &sqlx::Error) -> StoreError {
        let kind = match SqliteErrorKind::of(error) {
            SqliteErrorKind::ReadOnly
            | SqliteErrorKind::Full
            | SqliteErrorKind::Denied
            | SqliteErrorKind::Damaged
            | SqliteErrorKind::NotADatabase => StoreErrorKind::Refused,
            _ => StoreErrorKind::Unavailable,
        };
        self.error(kind, error)
    }

    /// The error of a call that may have done its work.
    pub(super) fn lost(&self, error: &sqlx::Error) -> StoreError {
        self.error(StoreErrorKind::Unknown, error)
    }

    /// The error of a call that took too long before it did anything.
    pub(super) fn slow(&self) -> StoreError {
        self.own_error(StoreErrorKind::Unavailable, SqliteErrorKind::Slow, NOTHING_DONE)
    }

    /// The error of a call that took too long, and may do its work later.
    pub(super) fn slow_write(&self) -> StoreError {
        self.own_error(StoreErrorKind::Unknown, SqliteErrorKind::Slow, MAYBE_DONE)
    }

    /// The error of a call that the writer did not answer.
    pub(super) fn interrupted(&self) -> StoreError {
        self.own_error(StoreErrorKind::Unknown, SqliteErrorKind::Interrupted, MAYBE_DONE)
    }

    /// The error of a call on a store whose file may have another owner.
    pub(super) fn replaced(&self) -> StoreError {
        self.own_error(StoreErrorKind::Unavailable, SqliteErrorKind::Replaced, NOTHING_DONE)
    }

    /// The error of a call on a store that is closed. Nothing was done.
    pub(super) fn closed(&self) -> StoreError {
        self.fault(&sqlx::Error::PoolClosed)
    }

    fn error(&self, kind: StoreErrorKind, error: &sqlx::Error) -> StoreError {
        self.own_error(kind, SqliteErrorKind::of(error), &error.to_string())
    }

    fn own_error(&self, meaning: StoreErrorKind, kind: SqliteErrorKind, detail: &str) -> StoreError {
        StoreError::new(meaning, Fault { location: self.0.to_path_buf(), kind, detail: detail.to_owned() })
    }

    /// The error that prevents the start.
    pub(super) fn open_error(&self, error: &sqlx::Error) -> OpenError {
        let path = self.0.to_path_buf();
        let detail = error.to_string();
        match SqliteErrorKind::of(error) {
            SqliteErrorKind::Locked => OpenError::Locked { path },
            SqliteErrorKind::ReadOnly => OpenError::ReadOnly { path },
            SqliteErrorKind::Full => OpenError::Full { path },
            SqliteErrorKind::Damaged => OpenError::Damaged { path, detail },
            SqliteErrorKind::NotADatabase => OpenError::NotADatabase { path },
            SqliteErrorKind::CannotOpen | SqliteErrorKind::Denied => OpenError::PermissionDenied { path, detail },
            _ => OpenError::Other { path, detail },
        }
    }
}

/// The error for a record that cannot be decoded.
pub(super) fn malformed(error: Malformed) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}
