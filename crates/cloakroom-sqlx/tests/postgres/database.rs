//! A server with a clock that tests move.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use cloakroom::{Clock, SystemClock, Timestamp};
use cloakroom_sqlx::{PostgresStore, PostgresStoreBuilder};
use cloakroom_testbed::{Postgres, PostgresBuilder};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgPool};

/// Much shorter than in production, so that tests do not wait for it.
pub(crate) const LEASE: Duration = Duration::from_millis(400);

/// One server. Each schema is like a database of its own.
pub(crate) struct Database {
    pub(crate) server: Postgres,
    /// Connections of the superuser.
    pub(crate) pool: PgPool,
    schemas: AtomicU32,
    /// How far the clock of the schemas is ahead of the machine's.
    ahead: AtomicU64,
}

impl Database {
    pub(crate) async fn start() -> Self {
        Self::start_as(Postgres::builder()).await
    }

    pub(crate) async fn start_as(server: PostgresBuilder) -> Self {
        let server = server.start().await.expect("PostgreSQL is installed");
        let options: PgConnectOptions = server.url().parse().expect("the address of the server");
        let pool = PgPoolOptions::new().max_connections(4).connect_lazy_with(options.disable_statement_logging());
        pool.execute("CREATE TABLE test_clock AS SELECT 0::BIGINT AS ahead").await.expect("a new database");
        Self { server, pool, schemas: AtomicU32::new(0), ahead: AtomicU64::new(0) }
    }

    /// A new schema with the tables, whose clock is that of the database.
    pub(crate) async fn schema(&self) -> String {
        let schema = format!("test_{}", self.schemas.fetch_add(1, Relaxed));
        drop(self.builder(&schema).connect(&self.server.url()).await.expect("the owner may create tables"));
        self.execute(&format!(
            "CREATE OR REPLACE FUNCTION {schema}.cloakroom_now() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$ \
             SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT + (SELECT ahead FROM public.test_clock) $$"
        ))
        .await;
        schema
    }

    pub(crate) fn builder(&self, schema: &str) -> PostgresStoreBuilder {
        PostgresStore::builder().schema(schema).lease(LEASE).poll_interval(LEASE / 4).max_connections(6)
    }

    /// A store over the tables of this schema, as another process would have.
    pub(crate) async fn store(&self, schema: &str) -> PostgresStore {
        self.builder(schema).connect(&self.server.url()).await.expect("the server runs")
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.pool.execute(AssertSqlSafe(sql.to_owned())).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await;
        number.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) async fn text(&self, sql: &str) -> String {
        let text = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await;
        text.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn now(&self) -> Timestamp {
        SystemClock::new().now().after(Duration::from_millis(self.ahead.load(Relaxed)))
    }

    pub(crate) async fn advance(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).expect("a duration of a test");
        let ahead = self.ahead.fetch_add(millis, Relaxed) + millis;
        self.execute(&format!("UPDATE test_clock SET ahead = {ahead}")).await;
    }
}
