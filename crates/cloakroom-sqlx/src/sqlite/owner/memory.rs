use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use cloakroom::ConfigError;
use cloakroom::store::Namespace;
use parking_lot::Mutex;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, Sqlite, SqlitePool};
use tokio::time::timeout;

use super::POLL;
use crate::error::OpenError;
use crate::node::random_number;
use crate::sqlite::fault::Location;

/// The sessions in memory that have an owner: the number of the database, and the namespace.
static CLAIMED: Mutex<BTreeSet<(i64, String)>> = Mutex::new(BTreeSet::new());

/// The right to write the sessions of a namespace in a database in memory, which no other process
/// can open.
#[derive(Debug)]
pub(in crate::sqlite) struct MemoryClaim(i64, String);

impl MemoryClaim {
    /// Waits up to `patience` until no other store owns the sessions, and up to `busy_timeout` for
    /// connections of the pool.
    pub(in crate::sqlite) async fn take(
        pool: &SqlitePool,
        location: &Location,
        namespace: &Namespace,
        patience: Duration,
        busy_timeout: Duration,
    ) -> Result<Self, OpenError> {
        let failed = |error: sqlx::Error| location.open_error(&error);
        let numbers = timeout(busy_timeout, numbers(pool)).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        let (number, other) = numbers.map_err(failed)?;
        if other.is_some_and(|other| other != Some(number)) {
            let problem = format!(
                "is {}, and each connection of this pool has a database in memory of its own; set it to 1, or make \
                 the pool with the address `sqlite::memory:`, whose connections share one",
                pool.options().get_max_connections()
            );
            return Err(ConfigError::new("max_connections", problem).into());
        }
        warn_of_limits(pool);
        let began = Instant::now();
        let claim = (number, namespace.as_str().to_owned());
        while !CLAIMED.lock().insert(claim.clone()) {
            if began.elapsed() >= patience {
                return Err(in_use(location.path(), patience));
            }
            tokio::time::sleep(POLL.min(patience.saturating_sub(began.elapsed()))).await;
        }
        Ok(Self(claim.0, claim.1))
    }
}

impl Drop for MemoryClaim {
    fn drop(&mut self) {
        CLAIMED.lock().remove(&(self.0, std::mem::take(&mut self.1)));
    }
}

fn in_use(path: &Path, waited: Duration) -> OpenError {
    OpenError::InUse { path: path.to_owned(), holder: Some(std::process::id()), is_this_process: true, waited }
}

/// The number of the database, and the one that a second connection finds, if there may be one.
async fn numbers(pool: &SqlitePool) -> sqlx::Result<(i64, Option<Option<i64>>)> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS cloakroom_database (number INTEGER NOT NULL)")
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO cloakroom_database SELECT ? WHERE NOT EXISTS (SELECT 1 FROM cloakroom_database)")
        .bind(random_number())
        .execute(&mut *transaction)
        .await?;
    let number = sqlx::query_scalar("SELECT number FROM cloakroom_database").fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    let other = match pool.options().get_max_connections() {
        1 => None,
        // While the first is in use, so that it is not the same one.
        _ => Some(number_of(&mut pool.acquire().await?).await?),
    };
    Ok((number, other))
}

/// The number of the database of a connection, if it has one.
async fn number_of(connection: &mut PoolConnection<Sqlite>) -> sqlx::Result<Option<i64>> {
    let tables = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'cloakroom_database'");
    let tables: i64 = tables.fetch_one(&mut **connection).await?;
    match tables {
        0 => Ok(None),
        _ => sqlx::query_scalar("SELECT number FROM cloakroom_database").fetch_optional(&mut **connection).await,
    }
}

/// A database in memory ends with its last connection.
fn warn_of_limits(pool: &SqlitePool) {
    let options = pool.options();
    let may_idle_out = options.get_idle_timeout().is_some() && options.get_min_connections() == 0;
    if may_idle_out || options.get_max_lifetime().is_some() {
        tracing::warn!(
            "the pool closes connections, and the sessions in memory end with the last one; set its `idle_timeout` and \
             `max_lifetime` to `None`"
        );
    }
}
