//! `axum_session`, set up as in its examples.

use std::fmt::Debug;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum_session::{DatabasePool, Session, SessionConfig, SessionLayer, SessionNullPool, SessionStore};
use axum_session_redispool::SessionRedisPool;
use redis_pool::RedisPool;
use time::Duration;

use crate::Result;
use crate::fixtures::Cart;

use super::{SLOW_WRITE_DELAY, TargetConfig, next_user};

/// The bounds that the library requires of a store.
trait Pool: DatabasePool + Clone + Debug + Send + Sync + 'static {}
impl<P: DatabasePool + Clone + Debug + Send + Sync + 'static> Pool for P {}

pub(super) async fn in_memory(config: &TargetConfig) -> Result<Router> {
    Ok(app(SessionStore::<SessionNullPool>::new(None, session_config(config)?).await?))
}

pub(super) async fn over_redis(config: &TargetConfig) -> Result<Router> {
    let pool = RedisPool::from(redis::Client::open(config.store.as_str())?);
    Ok(app(SessionStore::<SessionRedisPool>::new(Some(pool.into()), session_config(config)?).await?))
}

fn session_config(config: &TargetConfig) -> Result<SessionConfig> {
    // The table name is the prefix of the Redis keys.
    let session_config = SessionConfig::default().with_table_name(config.namespace.clone());
    Ok(session_config.with_lifetime(Duration::try_from(config.idle_timeout)?))
}

fn app<P: Pool>(store: SessionStore<P>) -> Router {
    Router::new()
        .route("/idle", get(idle))
        .route("/fill", post(fill::<P>))
        .route("/start", post(start::<P>))
        .route("/cart", get(cart::<P>))
        .route("/add", post(add::<P>))
        .route("/count", post(increment::<P>).get(read_counter::<P>))
        .route("/late", post(slow_increment::<P>))
        .route("/login", post(login::<P>))
        .route("/who", get(user::<P>))
        .route("/rotate/fail", post(rotate_and_fail::<P>))
        .route("/switch", post(switch_user::<P>))
        .route("/logout", post(logout::<P>))
        .layer(SessionLayer::new(store))
}

async fn idle() -> String {
    0.to_string()
}

async fn fill<P: Pool>(session: Session<P>) -> String {
    let mut cart = Cart::default();
    cart.fill();
    session.set("cart", cart);
    5.to_string()
}

async fn start<P: Pool>(session: Session<P>) -> String {
    session.set("counter", 0_u64);
    fill(session).await
}

async fn cart<P: Pool>(session: Session<P>) -> String {
    session.get::<Cart>("cart").unwrap_or_default().items.len().to_string()
}

async fn add<P: Pool>(session: Session<P>) -> String {
    let mut cart = session.get::<Cart>("cart").unwrap_or_default();
    let items = cart.add();
    session.set("cart", cart);
    items.to_string()
}

async fn increment<P: Pool>(session: Session<P>) -> String {
    let count = counter(&session) + 1;
    session.set("counter", count);
    count.to_string()
}

async fn read_counter<P: Pool>(session: Session<P>) -> String {
    counter(&session).to_string()
}

async fn slow_increment<P: Pool>(session: Session<P>) -> String {
    let count = counter(&session) + 1;
    tokio::time::sleep(SLOW_WRITE_DELAY).await;
    session.set("counter", count);
    count.to_string()
}

async fn login<P: Pool>(session: Session<P>) -> String {
    let user = next_user();
    session.renew();
    session.set("user", user);
    user.to_string()
}

async fn user<P: Pool>(session: Session<P>) -> String {
    session.get::<u64>("user").unwrap_or_default().to_string()
}

async fn rotate_and_fail<P: Pool>(session: Session<P>) -> StatusCode {
    session.renew();
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn switch_user<P: Pool>(session: Session<P>) -> String {
    session.clear();
    login(session).await
}

async fn logout<P: Pool>(session: Session<P>) -> String {
    session.destroy();
    0.to_string()
}

fn counter<P: Pool>(session: &Session<P>) -> u64 {
    session.get("counter").unwrap_or_default()
}
