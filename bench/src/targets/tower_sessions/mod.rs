//! `tower-sessions`, set up as in its documentation. Its stores for SQL are in `bench/sqlx-peer`.

mod app;

use axum::Router;
use tower_sessions::{CachingSessionStore, MemoryStore};
use tower_sessions_moka_store::MokaStore;
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

use crate::Result;
use crate::fixtures::Cart;

use super::{SLOW_WRITE_DELAY, TargetConfig, next_user};
use app::app;

/// The number of connections in the example of the Redis store.
const CONNECTIONS: usize = 6;
/// The capacity in the example of the caching store. It exceeds the number of sessions, so nothing
/// is evicted.
const CACHE_CAPACITY: u64 = 10_000;

pub(super) fn in_memory(config: &TargetConfig) -> Result<Router> {
    app(MemoryStore::default(), config.idle_timeout)
}

pub(super) fn in_moka(config: &TargetConfig) -> Result<Router> {
    // No capacity: evicting a session would log its user out.
    app(MokaStore::new(None), config.idle_timeout)
}

pub(super) async fn over_redis(config: &TargetConfig) -> Result<Router> {
    app(store(&config.store).await?, config.idle_timeout)
}

pub(super) async fn moka_before_redis(config: &TargetConfig) -> Result<Router> {
    let cache = MokaStore::new(Some(CACHE_CAPACITY));
    app(CachingSessionStore::new(cache, store(&config.store).await?), config.idle_timeout)
}

async fn store(url: &str) -> Result<RedisStore<Pool>> {
    let pool = Pool::new(Config::from_url(url)?, None, None, None, CONNECTIONS)?;
    drop(pool.connect());
    pool.wait_for_connect().await?;
    Ok(RedisStore::new(pool))
}
