use std::fmt;
use std::time::Duration;

use cloakroom::ConfigError;

/// Why a database server cannot be used as a store, with the remedy.
///
/// `Debug` prints the same text as `Display`, because a `main` that returns this error prints
/// `Debug`. Never shows the password.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A setting is not valid.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// The server cannot be reached, or is not ready.
    #[error("{server}: the server cannot be reached: {detail}; check the address and that the server runs{}", Waited(*waited))]
    Unreachable {
        /// The host and the port.
        server: String,
        /// The error.
        detail: String,
        /// How long this process waited.
        waited: Duration,
    },
    /// The connection cannot be encrypted: the server is not set up for that, or one side does not
    /// trust the other.
    #[error("{server}: the connection cannot be encrypted: {detail}; {remedy}")]
    Encryption {
        /// The host and the port.
        server: String,
        /// The cause.
        detail: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// The server refuses the user or the password.
    #[error("{server}: {detail}; check the user and the password in the address, and `pg_hba.conf` of the server")]
    Authentication {
        /// The host and the port.
        server: String,
        /// The server's message.
        detail: String,
    },
    /// The database does not exist.
    #[error("{server}: {detail}; create it with `createdb`, or correct the address")]
    NoDatabase {
        /// The host and the port.
        server: String,
        /// The server's message.
        detail: String,
    },
    /// The role lacks a right.
    #[error("{server}: the role may not {what} ({detail}); run as the owner: {remedy}")]
    Denied {
        /// The host and the port.
        server: String,
        /// The action to which the role has no right.
        what: String,
        /// The server's message.
        detail: String,
        /// The SQL that grants the right.
        remedy: String,
    },
    /// The tables are missing or older than this release needs, and the store may not create them.
    #[error(
        "{server}: the tables in the schema {schema} have version {found} (0: there are none) and this release needs \
         version {needed}; run the files of `migrations/postgres` of this crate from number {} on, or leave \
         `without_migrations` out", found + 1
    )]
    OlderSchema {
        /// The host and the port.
        server: String,
        /// The schema.
        schema: String,
        /// The version of the tables; 0 if there are none.
        found: i64,
        /// The version that this release needs.
        needed: i64,
    },
    /// The tables were made by a newer version of this crate.
    #[error(
        "{server}: the tables in the schema {schema} have version {found}, made by a newer release; this release knows \
         versions up to {known}: update this program"
    )]
    NewerSchema {
        /// The host and the port.
        server: String,
        /// The schema.
        schema: String,
        /// The version of the tables.
        found: i64,
        /// The newest version that this release knows.
        known: i64,
    },
    /// The server is a standby, or transactions are read-only.
    #[error("{server}: the server is a standby or read-only; give the address of the primary server")]
    ReadOnly {
        /// The host and the port.
        server: String,
    },
    /// The server is older than this crate supports.
    #[error("{server}: the server has version {found}; use PostgreSQL 13 or newer")]
    OldServer {
        /// The host and the port.
        server: String,
        /// The server's version.
        found: String,
    },
    /// Anything else that PostgreSQL or the pool reports.
    #[error("{server}: the sessions cannot be used: {detail}")]
    Other {
        /// The host and the port.
        server: String,
        /// The error, with the remedy if there is one.
        detail: String,
    },
}

impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Waited(Duration);

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() { Ok(()) } else { write!(f, " (waited for {:?})", self.0) }
    }
}
