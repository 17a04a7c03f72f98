//! `axum_session`, as its examples use it.

use std::fmt::Debug;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum_session::{DatabasePool, Session, SessionConfig, SessionLayer, SessionNullPool, SessionStore};
use axum_session_redispool::SessionRedisPool;
use redis_pool::RedisPool;
use time::Duration;

use crate::Failure;
use crate::world::Cart;

use super::{LATE, Plan, next_user};

/// What the library asks of the type of a store.
trait Pool: DatabasePool + Clone + Debug + Send + Sync + 'static {}
impl<P: DatabasePool + Clone + Debug + Send + Sync + 'static> Pool for P {}

pub(super) async fn in_memory(plan: &Plan) -> Result<Router, Failure> {
    Ok(app(SessionStore::<SessionNullPool>::new(None, config(plan)?).await?))
}

pub(super) async fn over_redis(plan: &Plan) -> Result<Router, Failure> {
    let pool = RedisPool::from(redis::Client::open(format!("redis://{}/", plan.redis))?);
    Ok(app(SessionStore::<SessionRedisPool>::new(Some(pool.into()), config(plan)?).await?))
}

fn config(plan: &Plan) -> Result<SessionConfig, Failure> {
    // The table's name is the prefix of the keys.
    let config = SessionConfig::default().with_table_name(plan.namespace.clone());
    Ok(config.with_lifetime(Duration::try_from(plan.idle)?))
}

fn app<P: Pool>(store: SessionStore<P>) -> Router {
    Router::new()
        .route("/idle", get(idle))
        .route("/fill", post(fill::<P>))
        .route("/start", post(start::<P>))
        .route("/cart", get(cart::<P>))
        .route("/add", post(add::<P>))
        .route("/count", post(count::<P>).get(counted::<P>))
        .route("/late", post(late::<P>))
        .route("/login", post(login::<P>))
        .route("/who", get(who::<P>))
        .route("/rotate/fail", post(rotate_and_fail::<P>))
        .route("/switch", post(switch::<P>))
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
    cart.add();
    let items = cart.items.len();
    session.set("cart", cart);
    items.to_string()
}

async fn count<P: Pool>(session: Session<P>) -> String {
    let count = counter(&session) + 1;
    session.set("counter", count);
    count.to_string()
}

async fn counted<P: Pool>(session: Session<P>) -> String {
    counter(&session).to_string()
}

async fn late<P: Pool>(session: Session<P>) -> String {
    let count = counter(&session) + 1;
    tokio::time::sleep(LATE).await;
    session.set("counter", count);
    count.to_string()
}

async fn login<P: Pool>(session: Session<P>) -> String {
    let user = next_user();
    session.renew();
    session.set("user", user);
    user.to_string()
}

async fn who<P: Pool>(session: Session<P>) -> String {
    session.get::<u64>("user").unwrap_or_default().to_string()
}

async fn rotate_and_fail<P: Pool>(session: Session<P>) -> StatusCode {
    session.renew();
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn switch<P: Pool>(session: Session<P>) -> String {
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
