use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, Error, FromRow};

/// The number of users. Each has a cart of five items, preferences, two roles and three orders.
pub(super) const USERS: u64 = 1000;

/// Creates the tables and their rows, in SQL that both databases accept.
const SCHEMA: [&str; 12] = [
    "create table carts (user_id bigint not null, item text not null, quantity bigint not null)",
    "create index carts_of on carts (user_id)",
    "create table preferences (user_id bigint primary key, theme text not null, language text not null)",
    "create table roles (user_id bigint not null, role text not null, primary key (user_id, role))",
    "create table orders (id bigint primary key, user_id bigint not null, cents bigint not null)",
    "create index orders_of on orders (user_id)",
    "with recursive n(i) as (select 0 union all select i + 1 from n where i < 4999)
     insert into carts select i / 5 + 1, 'item-' || i, i % 9 + 1 from n",
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000)
     insert into preferences select i, 'dark', 'en' from n",
    "with recursive n(i) as (select 0 union all select i + 1 from n where i < 2999)
     insert into orders select i, i / 3 + 1, 100 * (i % 70) from n",
    "insert into roles select user_id, 'customer' from preferences",
    "insert into roles select user_id, 'reviewer' from preferences",
    "analyze",
];

/// A connection pool that counts queries and can delay them.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pool: AnyPool,
    delay: Duration,
    queries: Arc<AtomicU64>,
}

impl Database {
    pub(super) fn connect(url: &str, delay: Duration, connections: u32) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        // A test of each connection before its use would be a second round trip.
        let options = AnyPoolOptions::new().max_connections(connections).test_before_acquire(false);
        let pool = options.acquire_timeout(Duration::from_secs(60)).connect_lazy(url)?;
        Ok(Self { pool, delay, queries: Arc::default() })
    }

    pub(super) async fn create_tables(&self) -> Result<(), Error> {
        for statement in SCHEMA {
            sqlx::query(statement).execute(&self.pool).await?;
        }
        Ok(())
    }

    pub(super) fn queries(&self) -> u64 {
        self.queries.load(Relaxed)
    }

    /// Runs a query with the user as its parameter.
    pub(super) async fn query<R>(&self, sql: &'static str, user: i64) -> Result<Vec<R>, Error>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        self.queries.fetch_add(1, Relaxed);
        let mut connection = self.pool.acquire().await?;
        if !self.delay.is_zero() {
            // The connection is in use meanwhile, as it is during a round trip.
            tokio::time::sleep(self.delay).await;
        }
        sqlx::query_as(sql).bind(user).fetch_all(&mut *connection).await
    }
}
