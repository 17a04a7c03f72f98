//! `tower-sessions`, as its documentation uses it.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tower_sessions::cookie::time::Duration;
use tower_sessions::session::Error;
use tower_sessions::{CachingSessionStore, Expiry, MemoryStore, Session, SessionManagerLayer, SessionStore};
use tower_sessions_moka_store::MokaStore;
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

use crate::Failure;
use crate::world::Cart;

use super::{LATE, Plan, next_user};

type Answer = Result<String, StatusCode>;

/// As many connections as in the example of the store for Redis.
const CONNECTIONS: usize = 6;
/// As in the example of the caching store; more than there are sessions, so that nothing is evicted.
const CACHED: u64 = 10_000;

pub(super) fn in_memory(plan: &Plan) -> Result<Router, Failure> {
    app(MemoryStore::default(), plan)
}

pub(super) fn on_moka(plan: &Plan) -> Result<Router, Failure> {
    // Without a capacity: an evicted session is a visitor who is logged out.
    app(MokaStore::new(None), plan)
}

pub(super) async fn over_redis(plan: &Plan) -> Result<Router, Failure> {
    app(store(&plan.redis).await?, plan)
}

pub(super) async fn cached(plan: &Plan) -> Result<Router, Failure> {
    app(CachingSessionStore::new(MokaStore::new(Some(CACHED)), store(&plan.redis).await?), plan)
}

async fn store(address: &str) -> Result<RedisStore<Pool>, Failure> {
    let pool = Pool::new(Config::from_url(&format!("redis://{address}"))?, None, None, None, CONNECTIONS)?;
    drop(pool.connect());
    pool.wait_for_connect().await?;
    Ok(RedisStore::new(pool))
}

fn app(store: impl SessionStore + Clone, plan: &Plan) -> Result<Router, Failure> {
    let expiry = Expiry::OnInactivity(Duration::try_from(plan.idle)?);
    Ok(Router::new()
        .route("/idle", get(idle))
        .route("/fill", post(fill))
        .route("/start", post(start))
        .route("/cart", get(cart))
        .route("/add", post(add))
        .route("/count", post(count).get(counted))
        .route("/late", post(late))
        .route("/login", post(login))
        .route("/who", get(who))
        .route("/rotate/fail", post(rotate_and_fail))
        .route("/switch", post(switch))
        .route("/logout", post(logout))
        .layer(SessionManagerLayer::new(store).with_secure(false).with_expiry(expiry)))
}

async fn idle() -> String {
    0.to_string()
}

async fn fill(session: Session) -> Answer {
    let mut cart = Cart::default();
    cart.fill();
    session.insert("cart", cart).await.map_err(refused)?;
    Ok(5.to_string())
}

async fn start(session: Session) -> Answer {
    session.insert("counter", 0_u64).await.map_err(refused)?;
    fill(session).await
}

async fn cart(session: Session) -> Answer {
    let cart: Cart = session.get("cart").await.map_err(refused)?.unwrap_or_default();
    Ok(cart.items.len().to_string())
}

async fn add(session: Session) -> Answer {
    let mut cart: Cart = session.get("cart").await.map_err(refused)?.unwrap_or_default();
    cart.add();
    let items = cart.items.len();
    session.insert("cart", cart).await.map_err(refused)?;
    Ok(items.to_string())
}

async fn count(session: Session) -> Answer {
    let count = session.get::<u64>("counter").await.map_err(refused)?.unwrap_or_default() + 1;
    session.insert("counter", count).await.map_err(refused)?;
    Ok(count.to_string())
}

async fn counted(session: Session) -> Answer {
    let count: u64 = session.get("counter").await.map_err(refused)?.unwrap_or_default();
    Ok(count.to_string())
}

async fn late(session: Session) -> Answer {
    let count = session.get::<u64>("counter").await.map_err(refused)?.unwrap_or_default() + 1;
    tokio::time::sleep(LATE).await;
    session.insert("counter", count).await.map_err(refused)?;
    Ok(count.to_string())
}

async fn login(session: Session) -> Answer {
    let user = next_user();
    session.cycle_id().await.map_err(refused)?;
    session.insert("user", user).await.map_err(refused)?;
    Ok(user.to_string())
}

async fn who(session: Session) -> Answer {
    let user: u64 = session.get("user").await.map_err(refused)?.unwrap_or_default();
    Ok(user.to_string())
}

async fn rotate_and_fail(session: Session) -> StatusCode {
    // Refused or not, the answer is the same.
    drop(session.cycle_id().await);
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn switch(session: Session) -> Answer {
    session.flush().await.map_err(refused)?;
    let user = next_user();
    session.insert("user", user).await.map_err(refused)?;
    Ok(user.to_string())
}

async fn logout(session: Session) -> Answer {
    session.flush().await.map_err(refused)?;
    Ok(0.to_string())
}

fn refused(_error: Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}
