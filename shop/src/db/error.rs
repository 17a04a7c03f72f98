//! What can go wrong between the shop and its database.

use std::io;

/// The database did not answer, or could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// The data folder cannot be created.
    #[error("cannot create the data folder {folder}: {source}; choose another one with --data")]
    Folder {
        /// The folder as it was given.
        folder: String,
        /// Why not.
        source: io::Error,
    },
    /// The tables could not be brought up to date, for example because a newer shop made them.
    #[error("cannot bring the database up to date: {0}; move the data folder away, or choose another one with --data")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A query failed.
    #[error("the database did not answer: {0}")]
    Query(#[from] sqlx::Error),
}

impl DbError {
    /// Whether trying again in a moment may help: the database is away or busy, not wrong.
    pub(crate) fn is_passing(&self) -> bool {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut, WorkerCrashed};
        matches!(self, Self::Query(Io(_) | PoolClosed | PoolTimedOut | WorkerCrashed))
    }
}
