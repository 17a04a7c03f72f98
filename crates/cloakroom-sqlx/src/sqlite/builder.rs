use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::Namespace;
use cloakroom::{Clock, ConfigError, SystemClock};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::fault::Location;
use super::migrations::{self, Migrated};
use super::owner::{FileLock, MemoryClaim, Owner};
use super::pool::{self, PoolDatabase};
use super::store::{SqliteStore, StoreInner};
use super::writer::Writer;
use super::{file, migrations::NEWEST};
use crate::error::OpenError;
use crate::node::Nodes;

/// The failures that an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// The end of the process, however it ends. If the machine loses its power, the last moments
    /// may be lost; the file stays intact.
    #[default]
    ProcessCrash,
    /// The loss of power as well. Each transaction waits for the disk.
    PowerLoss,
}

/// The number of connections that read.
const READERS: u32 = 4;

/// The time that a call may take beyond waiting for locks of other programs.
const WORK: Duration = Duration::from_secs(5);

/// Configures and opens a [`SqliteStore`].
///
/// ```no_run
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use cloakroom::Sessions;
/// use cloakroom_sqlx::{Durability, SqliteStore};
///
/// let store = SqliteStore::builder()
///     .namespace("shop")
///     .durability(Durability::PowerLoss)
///     .take_over_timeout(Duration::from_secs(60))
///     .open("sessions.db")
///     .await?;
/// let sessions = Sessions::builder().store(store).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `open` or `in_pool`"]
pub struct SqliteStoreBuilder {
    namespace: String,
    take_over_timeout: Duration,
    busy_timeout: Duration,
    durability: Option<Durability>,
    clock: Arc<dyn Clock>,
}

impl SqliteStoreBuilder {
    pub(super) fn new() -> Self {
        Self {
            namespace: "default".to_owned(),
            take_over_timeout: Duration::from_secs(30),
            busy_timeout: Duration::from_secs(5),
            durability: None,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Separates the sessions from others in the same database: `default` by default. One to 64 of
    /// the characters `a-z`, `0-9`, `_`, `.` and `-`.
    ///
    /// Each namespace has an owner of its own. Sessions cannot be moved to another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// Maximum wait for another process that uses the sessions: 30 s by default; 0 to 1 h.
    ///
    /// So a deployment may start the new process before it stops the old one.
    pub fn take_over_timeout(self, timeout: Duration) -> Self {
        Self { take_over_timeout: timeout, ..self }
    }

    /// Maximum wait for a lock that another program holds on the database, such as a backup: 5 s by
    /// default; 10 ms to 60 s.
    ///
    /// A call of the store fails when it takes 5 s longer than this. In a pool, the pool's own
    /// setting decides about the lock; give the same one here.
    pub fn busy_timeout(self, timeout: Duration) -> Self {
        Self { busy_timeout: timeout, ..self }
    }

    /// The failures that an acknowledged write survives: [`Durability::ProcessCrash`] by default.
    ///
    /// In a pool, the option `synchronous` of the pool decides, and this setting only checks it.
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability: Some(durability), ..self }
    }

    /// The clock that decides when sessions end: the machine's by default. Pass the clock that
    /// [`SessionsBuilder::clock`](cloakroom::SessionsBuilder::clock) gets.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Opens the file at `path`, and creates it if it does not exist, readable only for the user
    /// that runs the program.
    ///
    /// # Errors
    /// Everything that prevents the use of the file, each with its remedy.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        let namespace = self.checked()?;
        let path = file::prepare(path.as_ref())?;
        let owner = Owner::File(FileLock::take(&path, &namespace, self.take_over_timeout).await?);
        let location = Location::new(&path);
        let options = self.options(&path);
        let failed = |error: sqlx::Error| location.open_error(&error);
        let pool = self.pool(1).connect_with(options.clone()).await.map_err(failed)?;
        if pool::journal_mode(&pool).await.map_err(failed)? != "wal" {
            let detail = "the file system does not support the WAL mode of SQLite; use a local disk".to_owned();
            return Err(OpenError::Other { path, detail });
        }
        // So that a mistake in a statement that reads cannot bypass the writer.
        let readers = self.pool(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        let own_pools = vec![readers.clone(), pool.clone()];
        self.start(StoreParts { namespace, location, readers, pool, own_pools, owner }).await
    }

    /// Uses the database of the application's own pool, in tables whose names begin with
    /// `cloakroom_`.
    ///
    /// # Errors
    /// As for [`open`](Self::open), if the pool is less durable than asked for, and if each of its
    /// connections has a database in memory of its own.
    pub async fn in_pool(self, pool: SqlitePool) -> Result<SqliteStore, OpenError> {
        let namespace = self.checked()?;
        let database = PoolDatabase::of(&pool).await?;
        database.check(self.durability)?;
        let location = database.location().clone();
        let owner = match database.file() {
            Some(path) => {
                file::check(path)?;
                Owner::File(FileLock::take(path, &namespace, self.take_over_timeout).await?)
            }
            None => {
                let patience = self.take_over_timeout;
                let claim = MemoryClaim::take(&pool, &location, &namespace, patience, self.busy_timeout).await?;
                Owner::Memory { _claim: claim }
            }
        };
        let (readers, own_pools) = (pool.clone(), Vec::new());
        self.start(StoreParts { namespace, location, readers, pool, own_pools, owner }).await
    }

    async fn start(self, parts: StoreParts) -> Result<SqliteStore, OpenError> {
        let StoreParts { namespace, location, readers, pool, own_pools, mut owner } = parts;
        let found = match migrations::migrate(&pool).await.map_err(|error| location.open_error(&error))? {
            Migrated::Done { found } => found,
            Migrated::Newer(found) => {
                return Err(OpenError::NewerSchema { path: location.path().to_owned(), found, known: NEWEST });
            }
        };
        owner.begin(found).await?;
        let nodes = Arc::new(Nodes::default());
        let writer = Writer {
            pool,
            connection: None,
            own_pools,
            owner,
            is_replaced: Arc::default(),
            namespace: namespace.clone(),
            clock: Arc::clone(&self.clock),
            nodes: Arc::clone(&nodes),
            location: location.clone(),
            busy_timeout: self.busy_timeout,
        };
        let deadline = self.busy_timeout.saturating_add(WORK);
        let writer = writer.start(deadline);
        Ok(SqliteStore::new(StoreInner { readers, writer, namespace, nodes, clock: self.clock, location, deadline }))
    }

    pub(super) fn checked(&self) -> Result<Namespace, OpenError> {
        let within = |field, value: Duration, least: Duration, most: Duration| {
            let problem = format!("is {value:?} and must be between {least:?} and {most:?}");
            if value < least || value > most { Err(ConfigError::new(field, problem)) } else { Ok(()) }
        };
        within("take_over_timeout", self.take_over_timeout, Duration::ZERO, Duration::from_secs(3600))?;
        within("busy_timeout", self.busy_timeout, Duration::from_millis(10), Duration::from_secs(60))?;
        Ok(self.namespace.parse()?)
    }

    fn options(&self, path: &Path) -> SqliteConnectOptions {
        let synchronous = match self.durability.unwrap_or_default() {
            Durability::ProcessCrash => SqliteSynchronous::Normal,
            Durability::PowerLoss => SqliteSynchronous::Full,
        };
        // Statements are not logged: there is one per write.
        sqlx::ConnectOptions::disable_statement_logging(SqliteConnectOptions::new())
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(self.busy_timeout)
    }

    /// A pool whose connections live as long as the store, and are not tested before each use.
    fn pool(&self, connections: u32) -> SqlitePoolOptions {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(self.busy_timeout.saturating_add(WORK))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    }
}

struct StoreParts {
    namespace: Namespace,
    location: Location,
    readers: SqlitePool,
    pool: SqlitePool,
    own_pools: Vec<SqlitePool>,
    owner: Owner,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_durability_sets_what_it_promises() -> Result<(), Box<dyn std::error::Error>> {
        const NORMAL: i64 = 1;
        const FULL: i64 = 2;
        let default = SqliteStoreBuilder::new();
        for (builder, expected) in [
            (default.clone(), NORMAL),
            (default.clone().durability(Durability::ProcessCrash), NORMAL),
            (default.clone().durability(Durability::PowerLoss), FULL),
        ] {
            let file = tempfile::NamedTempFile::new()?;
            let pool = builder.pool(1).connect_with(builder.options(file.path())).await?;
            let found: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&pool).await?;
            assert_eq!(found, expected, "{:?}", builder.durability);
            assert_eq!(pool::journal_mode(&pool).await?, "wal");
        }
        Ok(())
    }
}
