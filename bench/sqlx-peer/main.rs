//! `tower-sessions` over SQL, set up as in the documentation of its stores: a server that the
//! benchmark starts and configures.

#[path = "../src/targets/tower_sessions/app.rs"]
mod app;
#[path = "../src/fixtures/cart.rs"]
mod cart;
#[path = "../src/process/child.rs"]
mod child;
#[path = "../src/targets/endpoints.rs"]
mod endpoints;

use std::time::Duration;

use axum::Router;
use serde::Deserialize;
use tower_sessions::session_store::ExpiredDeletion;
use tower_sessions_sqlx_store::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tower_sessions_sqlx_store::sqlx::{PgPool, SqlitePool};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

use cart::Cart;
use endpoints::{SLOW_WRITE_DELAY, next_user};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// The interval in the examples of the stores.
const DELETION_INTERVAL: Duration = Duration::from_secs(60);

/// What this program uses of the configuration of a server under test.
#[derive(Debug, Deserialize)]
struct Config {
    target: String,
    store: String,
    namespace: String,
    idle_timeout: Duration,
}

fn main() -> Result<()> {
    child::serve(build)
}

async fn build(config: Config) -> Result<Router> {
    let sqlite = || Ok::<_, Error>(config.store.parse::<SqliteConnectOptions>()?.create_if_missing(true));
    match config.target.as_str() {
        "TowerSqlite" => over_sqlite(sqlite()?, &config).await,
        // The settings of Cloakroom, with which a commit does not wait for the disk.
        "TowerSqliteWal" => {
            let options = sqlite()?.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal);
            over_sqlite(options, &config).await
        }
        "TowerPostgres" => over_postgres(&config).await,
        other => Err(format!("this program has no target {other}").into()),
    }
}

async fn over_sqlite(options: SqliteConnectOptions, config: &Config) -> Result<Router> {
    let pool = SqlitePool::connect_with(options).await?;
    let store = SqliteStore::new(pool).with_table_name(&config.namespace)?;
    store.migrate().await?;
    tokio::spawn(store.clone().continuously_delete_expired(DELETION_INTERVAL));
    app::app(store, config.idle_timeout)
}

async fn over_postgres(config: &Config) -> Result<Router> {
    let pool = PgPool::connect(&config.store).await?;
    let store = PostgresStore::new(pool).with_table_name(&config.namespace)?;
    store.migrate().await?;
    tokio::spawn(store.clone().continuously_delete_expired(DELETION_INTERVAL));
    app::app(store, config.idle_timeout)
}
