use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, Error, FromRow};

/// How many users there are; each has a cart of five items, preferences, two roles and three orders.
pub(crate) const USERS: u64 = 1000;

/// Tables and their rows, in what both databases understand.
const SCHEMA: [&str; 9] = [
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
];
const ROLES: [&str; 2] = [
    "insert into roles select user_id, 'customer' from preferences",
    "insert into roles select user_id, 'reviewer' from preferences",
];

/// The one way to the database, so that the count of queries is true.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pool: AnyPool,
    delay: Duration,
    queries: Arc<AtomicU64>,
}

impl Database {
    pub(crate) async fn connect(url: &str, delay: Duration, connections: u32) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        // Without the look at every connection before it is used, which would be a second round trip.
        let options = AnyPoolOptions::new().max_connections(connections).test_before_acquire(false);
        let pool = options.acquire_timeout(Duration::from_secs(60)).connect_lazy(url)?;
        Ok(Self { pool, delay, queries: Arc::default() })
    }

    /// Makes the tables and the rows.
    pub(crate) async fn fill(&self) -> Result<(), Error> {
        for statement in SCHEMA.into_iter().chain(ROLES).chain(["analyze"]) {
            sqlx::query(statement).execute(&self.pool).await?;
        }
        Ok(())
    }

    pub(super) async fn cart(&self, user: i64) -> Result<Vec<(String, i64)>, Error> {
        self.ask("select item, quantity from carts where user_id = $1", user).await
    }

    pub(super) async fn preferences(&self, user: i64) -> Result<(String, String), Error> {
        let found = self.ask("select theme, language from preferences where user_id = $1", user).await?;
        found.into_iter().next().ok_or(Error::RowNotFound)
    }

    pub(super) async fn roles(&self, user: i64) -> Result<Vec<String>, Error> {
        let found: Vec<(String,)> = self.ask("select role from roles where user_id = $1", user).await?;
        Ok(found.into_iter().map(|(role,)| role).collect())
    }

    pub(super) async fn orders(&self, user: i64) -> Result<Vec<(i64, i64)>, Error> {
        self.ask("select id, cents from orders where user_id = $1", user).await
    }

    pub(super) fn queries(&self) -> u64 {
        self.queries.load(Relaxed)
    }

    async fn ask<R>(&self, sql: &'static str, user: i64) -> Result<Vec<R>, Error>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        self.queries.fetch_add(1, Relaxed);
        let mut connection = self.pool.acquire().await?;
        if !self.delay.is_zero() {
            // The connection is taken meanwhile, as it is while a network is waited for.
            tokio::time::sleep(self.delay).await;
        }
        sqlx::query_as(sql).bind(user).fetch_all(&mut *connection).await
    }
}
