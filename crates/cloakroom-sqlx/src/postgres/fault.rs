//! Translation of the errors of PostgreSQL and of the pool.

use std::io::{self, ErrorKind};

use cloakroom::store::{StoreError, StoreErrorKind};

use crate::record::Malformed;

/// Whether a call may have changed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Reads,
    Writes,
}

/// The kind of an error, which decides what it means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PostgresErrorKind {
    /// The server rolled the transaction back because of another one.
    Collision,
    /// The server ended the statement or the transaction, because it took too long.
    Slow,
    Denied,
    MissingTables,
    ReadOnly,
    Full,
    Authentication,
    NoDatabase,
    TooManyConnections,
    /// The server is starting, stopping or recovering.
    NotReady,
    /// A connection pooler gives each transaction another connection.
    TransactionPooling,
    /// No connection became free in time.
    Busy,
    Closed,
    /// The connection broke, or the server did not answer in time.
    Broken,
    Other,
}

impl PostgresErrorKind {
    pub(super) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => Self::of_code(&error.code().unwrap_or_default()),
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => {
                Self::Broken
            }
            _ => Self::Other,
        }
    }

    /// See the appendix "PostgreSQL Error Codes" of its manual.
    fn of_code(code: &str) -> Self {
        match code {
            "40001" | "40P01" => Self::Collision,
            "57014" | "55P03" | "25P03" => Self::Slow,
            "42501" => Self::Denied,
            "42P01" | "42703" | "42883" | "3F000" => Self::MissingTables,
            // The latter if a standby is asked for a table that is not logged.
            "25006" | "0A000" => Self::ReadOnly,
            "53100" | "53200" => Self::Full,
            "28000" | "28P01" => Self::Authentication,
            "3D000" => Self::NoDatabase,
            "53300" => Self::TooManyConnections,
            "57P01" | "57P02" | "57P03" | "57P05" | "40003" => Self::NotReady,
            // Poolers report a connection to the server that broke as 08P01.
            code if code.starts_with("08") => Self::NotReady,
            "26000" | "42P05" => Self::TransactionPooling,
            _ => Self::Other,
        }
    }

    /// Returns `true` if the same call may succeed later.
    pub(super) const fn may_pass(self) -> bool {
        matches!(
            self,
            Self::NotReady | Self::Broken | Self::Busy | Self::Slow | Self::TooManyConnections | Self::Collision
        )
    }

    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::Collision => "other transactions keep changing the same rows",
            Self::Slow => "the server took too long; another program may hold locks on the tables",
            Self::Denied => "the role lacks a right; grant it what the guide lists",
            Self::MissingTables => "the tables are missing or of another version; run the migrations of this release",
            Self::ReadOnly => "the server is a standby or read-only; give the address of the primary",
            Self::Full => "the server is out of disk space or memory",
            Self::Authentication => "the server refuses the user or the password",
            Self::NoDatabase => "the database does not exist",
            Self::TooManyConnections => {
                "the server has no connection left; raise `max_connections` or shrink the pools"
            }
            Self::NotReady => "the server is starting or stopping, or has closed the connection",
            Self::TransactionPooling => {
                "a connection pooler gives each transaction another connection; set `transaction_pooling`"
            }
            Self::Busy => "no connection of the pool became free in time; give the pool more connections",
            Self::Closed => "the store was closed",
            Self::Broken => "the connection broke, or the server did not answer in time",
            Self::Other => "PostgreSQL reports an error",
        }
    }
}

/// An error of a call, with the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{}", kind.remedy())]
struct Fault {
    kind: PostgresErrorKind,
    source: sqlx::Error,
}

/// The error of a call.
pub(super) fn fault(error: sqlx::Error, effect: Effect) -> StoreError {
    let kind = PostgresErrorKind::of(&error);
    let meaning = match kind {
        // A statement that the server refused was rolled back.
        PostgresErrorKind::Denied
        | PostgresErrorKind::MissingTables
        | PostgresErrorKind::ReadOnly
        | PostgresErrorKind::Full
        | PostgresErrorKind::Authentication
        | PostgresErrorKind::NoDatabase
        | PostgresErrorKind::TransactionPooling => StoreErrorKind::Refused,
        PostgresErrorKind::Collision
        | PostgresErrorKind::Slow
        | PostgresErrorKind::TooManyConnections
        | PostgresErrorKind::Busy
        | PostgresErrorKind::Closed => StoreErrorKind::Unavailable,
        PostgresErrorKind::Other if matches!(error, sqlx::Error::Database(_)) => StoreErrorKind::Refused,
        _ if effect == Effect::Writes => StoreErrorKind::Unknown,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(meaning, Fault { kind, source: error })
}

/// Returns `true` if other connections to the server are probably broken too. A server that is only
/// slow does not break any.
pub(super) fn breaks_connections(error: &sqlx::Error) -> bool {
    match error {
        // A call that was not sent says nothing new.
        sqlx::Error::Io(error) => !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::NotConnected),
        error => PostgresErrorKind::of(error) == PostgresErrorKind::NotReady,
    }
}

/// The error for a record that cannot be decoded.
pub(super) fn malformed(error: Malformed) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}

/// The error of a call that was not sent, because the server cannot be reached.
pub(super) fn unreachable() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(ErrorKind::NotConnected, "the server cannot be reached at present"))
}

/// The error of a call that the server did not answer in time.
pub(super) fn timed_out() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(ErrorKind::TimedOut, "the server did not answer in time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_server_says_whether_a_write_may_have_been_applied() {
        for (code, expected) in [
            ("40001", PostgresErrorKind::Collision),
            ("40P01", PostgresErrorKind::Collision),
            ("57014", PostgresErrorKind::Slow),
            ("55P03", PostgresErrorKind::Slow),
            ("25P03", PostgresErrorKind::Slow),
            ("42501", PostgresErrorKind::Denied),
            ("42P01", PostgresErrorKind::MissingTables),
            ("25006", PostgresErrorKind::ReadOnly),
            ("0A000", PostgresErrorKind::ReadOnly),
            ("53100", PostgresErrorKind::Full),
            ("28P01", PostgresErrorKind::Authentication),
            ("3D000", PostgresErrorKind::NoDatabase),
            ("53300", PostgresErrorKind::TooManyConnections),
            ("57P01", PostgresErrorKind::NotReady),
            ("40003", PostgresErrorKind::NotReady),
            ("08006", PostgresErrorKind::NotReady),
            ("08P01", PostgresErrorKind::NotReady),
            ("26000", PostgresErrorKind::TransactionPooling),
            ("XX000", PostgresErrorKind::Other),
        ] {
            assert_eq!(PostgresErrorKind::of_code(code), expected, "{code}");
        }
        let meaning = |error, effect| fault(error, effect).kind();
        for effect in [Effect::Reads, Effect::Writes] {
            assert_eq!(meaning(sqlx::Error::PoolTimedOut, effect), StoreErrorKind::Unavailable);
            assert_eq!(meaning(sqlx::Error::PoolClosed, effect), StoreErrorKind::Unavailable);
        }
        assert_eq!(meaning(timed_out(), Effect::Reads), StoreErrorKind::Unavailable);
        assert_eq!(meaning(timed_out(), Effect::Writes), StoreErrorKind::Unknown);
    }

    #[test]
    fn a_slow_server_and_a_call_that_was_not_sent_break_no_other_connection() {
        let broken = sqlx::Error::Io(io::Error::new(ErrorKind::ConnectionReset, "reset"));
        assert!(breaks_connections(&broken));
        for error in [timed_out(), unreachable(), sqlx::Error::PoolTimedOut] {
            assert!(!breaks_connections(&error), "{error}");
        }
    }
}
