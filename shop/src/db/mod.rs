//! The database: one type through which every query goes, so that the panel's counts are true.

mod carts;
mod error;
mod meter;
mod people;
mod preferences;
mod products;
mod views;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

pub use self::error::DbError;
pub(crate) use self::meter::Meter;
pub(crate) use self::people::{Person, PersonWithRoles};
pub(crate) use self::products::ProductRow;

/// The shop's database. Cloning is cheap; all clones share one pool and one count of queries.
///
/// A clone made by `Db::metered` also counts into a meter of its own, which is how a page knows
/// whether the value it just asked for came from here.
#[derive(Clone, Debug)]
pub struct Db {
    pool: SqlitePool,
    latency: Duration,
    queries: Arc<AtomicU64>,
    meter: Meter,
}

impl Db {
    /// Opens (and creates, if need be) the database file `shop.db` in `folder`.
    ///
    /// `latency` is added to every query; it stands in for the network of a real database.
    ///
    /// # Errors
    ///
    /// When the folder cannot be created, or the file cannot be opened or migrated.
    pub async fn open(folder: &Path, latency: Duration) -> Result<Self, DbError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| DbError::Folder { folder: folder.display().to_string(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join("shop.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(5));
        Self::connect(SqlitePoolOptions::new().max_connections(4), options, latency).await
    }

    /// A database that lives in memory and is gone with the last clone; for tests and a quick look.
    ///
    /// # Errors
    ///
    /// When the migrations fail, which would be a defect of the shop.
    pub async fn in_memory(latency: Duration) -> Result<Self, DbError> {
        // Every connection to `:memory:` is a database of its own, so there must be exactly one, for ever.
        let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        Self::connect(pool, SqliteConnectOptions::new().in_memory(true), latency).await
    }

    async fn connect(
        pool: SqlitePoolOptions,
        options: SqliteConnectOptions,
        latency: Duration,
    ) -> Result<Self, DbError> {
        let pool = pool.acquire_timeout(Duration::from_secs(5)).connect_with(options.foreign_keys(true)).await?;
        sqlx::migrate!().run(&pool).await?;
        Ok(Self { pool, latency, queries: Arc::default(), meter: Meter::default() })
    }

    /// Closes the pool; every later query fails as it would with a database that went away.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// How many queries were made since the start, by all clones together.
    #[must_use]
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// The same database, counting into `meter` as well.
    pub(crate) fn metered(&self, meter: Meter) -> Self {
        Self { meter, ..self.clone() }
    }

    /// The one way to the database: counts the query, waits out the demo latency, runs it.
    async fn run<T>(&self, query: impl Future<Output = sqlx::Result<T>>) -> Result<T, DbError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        self.meter.count_query();
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        Ok(query.await?)
    }
}
