//! The database. All queries go through one type, so that the counts of the panel are complete.

mod migrations;
mod queries;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

use self::migrations::migrations;
use self::queries::forget_old_session_values;
pub(crate) use self::queries::{Product, UserRow, UserWithRoles};
use crate::trace::Meter;

/// The shop's database. Clones share the pool and the count of queries.
#[derive(Clone, Debug)]
pub struct Db {
    pool: SqlitePool,
    delay: Duration,
    queries: Arc<AtomicU64>,
    /// The time that all queries took together, in microseconds.
    micros: Arc<AtomicU64>,
    meter: Meter,
}

impl Db {
    /// Opens the database file `shop.db` in `folder`, and creates both if they do not exist.
    ///
    /// `delay` is added to every query to simulate a database across a network.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created, or the file cannot be opened or migrated.
    pub async fn open(folder: &Path, delay: Duration) -> Result<Self, DbError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| DbError::Folder { folder: folder.display().to_string(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join("shop.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(5));
        Self::connect(SqlitePoolOptions::new().max_connections(4), options, delay).await
    }

    /// Opens a database in memory, which is dropped with its last clone.
    ///
    /// # Errors
    ///
    /// If the migrations fail, which would be a bug of the shop.
    pub async fn in_memory(delay: Duration) -> Result<Self, DbError> {
        // Each connection to `:memory:` is its own database, so there must be exactly one, forever.
        let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        Self::connect(pool, SqliteConnectOptions::new().in_memory(true), delay).await
    }

    async fn connect(pool: SqlitePoolOptions, options: SqliteConnectOptions, delay: Duration) -> Result<Self, DbError> {
        let pool = pool.acquire_timeout(Duration::from_secs(5)).connect_with(options.foreign_keys(true)).await?;
        migrations().run(&pool).await?;
        forget_old_session_values(&pool).await?;
        Ok(Self { pool, delay, queries: Arc::default(), micros: Arc::default(), meter: Meter::default() })
    }

    /// Closes the pool. Later queries fail as if the database were down.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Returns the number of queries of all clones since the start.
    #[must_use]
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Returns the time that is added to each query.
    pub(crate) fn delay(&self) -> Duration {
        self.delay
    }

    /// Returns what a query took on average since the start, the delay included.
    pub(crate) fn time_per_query(&self) -> Duration {
        match self.queries() {
            0 => self.delay,
            queries => Duration::from_micros(self.micros.load(Ordering::Relaxed) / queries),
        }
    }

    /// Returns a clone over the same database with counts of its own.
    pub(crate) fn counted_apart(&self) -> Self {
        Self { queries: Arc::default(), micros: Arc::default(), ..self.clone() }
    }

    /// Returns a clone that also counts into `meter`.
    pub(crate) fn metered(&self, meter: Meter) -> Self {
        Self { meter, ..self.clone() }
    }

    /// Counts a query, waits for the delay, and runs it.
    async fn run<T>(&self, query: impl Future<Output = sqlx::Result<T>>) -> Result<T, DbError> {
        let started = Instant::now();
        self.queries.fetch_add(1, Ordering::Relaxed);
        self.meter.count_query();
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let result = query.await;
        self.micros.fetch_add(u64::try_from(started.elapsed().as_micros()).unwrap_or(0), Ordering::Relaxed);
        Ok(result?)
    }
}

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The data folder cannot be created.
    #[error("cannot create the data folder {folder}: {source}; choose another one with --data")]
    Folder {
        /// The folder as it was given.
        folder: String,
        /// The reason.
        source: io::Error,
    },
    /// The tables cannot be migrated, for example because another version of the shop created them.
    #[error("cannot bring the database up to date: {0}; move the data folder away, or choose another one with --data")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A query failed.
    #[error("the database did not answer: {0}")]
    Query(#[from] sqlx::Error),
}

impl DbError {
    /// Returns whether a retry may succeed: the database is down or busy, not broken.
    pub(crate) fn is_transient(&self) -> bool {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut, WorkerCrashed};
        matches!(self, Self::Query(Io(_) | PoolClosed | PoolTimedOut | WorkerCrashed))
    }
}
