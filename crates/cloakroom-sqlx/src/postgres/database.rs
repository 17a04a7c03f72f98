//! The connections to the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cloakroom::store::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Postgres};
use tokio::sync::watch;

use super::fault::{self, Effect, PostgresErrorKind};
use super::rows::PgQuery;
use super::statements::{Statement, Statements};

/// How often a call is repeated whose transaction the server rolled back because of another one.
const REPEATS: u32 = 8;

/// The time that a new connection may take.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// Begins a transaction in which each statement sees what was committed before it, whatever the
/// database's default is.
pub(super) const READ_COMMITTED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// The database, with the limits of a call.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) pool: PgPool,
    pub(super) statements: Arc<Statements>,
    pub(super) deadline: Duration,
    /// Whether a pooler gives each transaction another connection, so that a prepared statement
    /// lasts no longer than its transaction.
    pub(super) transaction_pooling: bool,
    pub(super) breaks: Arc<Breaks>,
    /// Whether the pool belongs to the application, which may prepare its connections.
    pub(super) is_foreign_pool: bool,
}

/// When a connection broke last, so that those that were opened before are not used again.
#[derive(Debug)]
pub(super) struct Breaks {
    epoch: Instant,
    last: AtomicU64,
    /// Whether the server could not be reached when it was tried last.
    unreachable: watch::Sender<bool>,
}

impl Breaks {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { epoch: Instant::now(), last: AtomicU64::new(0), unreachable: watch::Sender::new(false) })
    }

    fn note(&self) {
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(now, Ordering::AcqRel);
    }

    /// Returns `true` if no connection broke since one of this age was opened.
    pub(super) fn none_since(&self, age: Duration) -> bool {
        let last = self.last.load(Ordering::Acquire);
        last == 0 || self.epoch.elapsed().saturating_sub(age) > Duration::from_millis(last)
    }
}

impl Database {
    /// Runs a call on one connection, within the deadline.
    ///
    /// `work` returns the connection with its result; a connection that it does not return is
    /// closed, because an answer may still be on its way there.
    pub(super) async fn call<T, F>(&self, effect: Effect, work: impl Fn(Link) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = sqlx::Result<(T, Link)>>,
    {
        let end = tokio::time::Instant::now() + self.deadline;
        let mut repeats = 0;
        loop {
            // Before the connection is there, nothing can have been changed.
            let is_sent = AtomicBool::new(false);
            let attempt = async {
                let link = self.link().await?;
                is_sent.store(true, Ordering::Relaxed);
                work(link).await
            };
            let outcome = tokio::time::timeout_at(end, attempt).await.unwrap_or_else(|_| Err(fault::timed_out()));
            match outcome {
                Ok((answer, link)) => {
                    link.release();
                    return Ok(answer);
                }
                Err(error) if PostgresErrorKind::of(&error) == PostgresErrorKind::Collision && repeats < REPEATS => {
                    repeats += 1;
                }
                Err(error) => {
                    if fault::breaks_connections(&error) {
                        self.breaks.note();
                        // Reading changes nothing, so a connection that broke is no reason to fail.
                        if effect == Effect::Reads && repeats == 0 {
                            repeats = REPEATS;
                            continue;
                        }
                    }
                    let effect = if is_sent.load(Ordering::Relaxed) { effect } else { Effect::Reads };
                    return Err(fault::fault(error, effect));
                }
            }
        }
    }

    /// Runs one statement that returns one row or none.
    pub(super) async fn query_row(
        &self,
        effect: Effect,
        statement: &Statement,
        bind: impl Fn(PgQuery<'static>) -> PgQuery<'static>,
    ) -> Result<Option<PgRow>, StoreError> {
        self.call(effect, |mut link| {
            let query = bind(link.query(statement));
            async move { Ok((link.once(query).await?, link)) }
        })
        .await
    }

    async fn link(&self) -> sqlx::Result<Link> {
        let mut unreachable = self.breaks.unreachable.subscribe();
        let connection = tokio::select! {
            biased;
            connection = self.pool.acquire() => connection?,
            // A pool tries to connect until the deadline, and every request would wait that long.
            _ = unreachable.wait_for(|is_unreachable| *is_unreachable) => return Err(fault::unreachable()),
        };
        Ok(Link {
            connection: Some(connection),
            transaction_pooling: self.transaction_pooling,
            limit: self.deadline.as_millis(),
        })
    }
}

/// A connection in the middle of a call. It is closed if it is dropped.
pub(super) struct Link {
    connection: Option<PoolConnection<Postgres>>,
    transaction_pooling: bool,
    /// The maximum time of a statement in milliseconds.
    limit: u128,
}

impl Link {
    pub(super) fn query(&self, statement: &Statement) -> PgQuery<'static> {
        query(statement, self.transaction_pooling)
    }

    pub(super) fn connection(&mut self) -> sqlx::Result<&mut PgConnection> {
        self.connection.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    pub(super) async fn begin(&mut self) -> sqlx::Result<()> {
        // Without a limit, a statement whose caller gave up goes on to wait for locks.
        let begin = format!("{READ_COMMITTED}; SET LOCAL statement_timeout = {}", self.limit);
        self.connection()?.execute(AssertSqlSafe(begin)).await.map(drop)
    }

    pub(super) async fn commit(&mut self) -> sqlx::Result<()> {
        self.connection()?.execute("COMMIT").await.map(drop)
    }

    pub(super) async fn roll_back(&mut self) -> sqlx::Result<()> {
        self.connection()?.execute("ROLLBACK").await.map(drop)
    }

    /// Runs a statement that is a transaction of its own, in one round trip if the connection has
    /// prepared it.
    pub(super) async fn once(&mut self, query: PgQuery<'static>) -> sqlx::Result<Option<PgRow>> {
        Ok(self.once_all(query).await?.pop())
    }

    /// As [`once`](Self::once), for a statement that returns several rows.
    pub(super) async fn once_all(&mut self, query: PgQuery<'static>) -> sqlx::Result<Vec<PgRow>> {
        if !self.transaction_pooling {
            return query.fetch_all(self.connection()?).await;
        }
        self.begin().await?;
        let rows = query.fetch_all(self.connection()?).await?;
        self.commit().await?;
        Ok(rows)
    }

    fn release(mut self) {
        drop(self.connection.take());
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

/// A connection outside of the pool.
pub(super) struct OwnConnection {
    connection: PgConnection,
    transaction_pooling: bool,
}

impl OwnConnection {
    pub(super) async fn open(database: &Database) -> sqlx::Result<Self> {
        // A connection may take longer than a call: with TLS, the password and a busy server.
        let limit = database.deadline.max(CONNECT);
        let opened = tokio::time::timeout(limit, Self::connect(database)).await;
        let opened = opened.unwrap_or_else(|_| Err(fault::timed_out()));
        // The application's pool may only be busy.
        let may_be_busy = database.is_foreign_pool && !opened.as_ref().is_err_and(fault::breaks_connections);
        let is_unreachable =
            opened.as_ref().is_err_and(|error| PostgresErrorKind::of(error).may_pass()) && !may_be_busy;
        database.breaks.unreachable.send_replace(is_unreachable);
        let mut connection = opened?;
        // Under another default of the database, two nodes that make the feed at once would collide.
        if !database.transaction_pooling {
            connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
        }
        Ok(Self { connection, transaction_pooling: database.transaction_pooling })
    }

    /// Not through a pool of our own, which hides why it cannot connect.
    async fn connect(database: &Database) -> sqlx::Result<PgConnection> {
        if database.is_foreign_pool {
            return Ok(database.pool.acquire().await?.detach());
        }
        PgConnection::connect_with(&database.pool.connect_options()).await
    }

    pub(super) fn query(&self, statement: &Statement) -> PgQuery<'static> {
        query(statement, self.transaction_pooling)
    }

    /// Runs one statement as a transaction of its own.
    pub(super) async fn fetch_all(&mut self, query: PgQuery<'static>) -> sqlx::Result<Vec<PgRow>> {
        if !self.transaction_pooling {
            return query.fetch_all(&mut self.connection).await;
        }
        let mut transaction = self.connection.begin_with(READ_COMMITTED).await?;
        let rows = query.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(rows)
    }
}

fn query(statement: &Statement, transaction_pooling: bool) -> PgQuery<'static> {
    let query = sqlx::query::<Postgres>(statement.sql());
    let query: sqlx::query::Query<'static, Postgres, PgArguments> = query;
    query.persistent(!transaction_pooling)
}
