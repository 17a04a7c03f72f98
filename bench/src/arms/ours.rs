//! Cloakroom, as the guide uses it.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cloakroom::{CookieConfig, Login, Session, SessionError, SessionLayer, SessionValue, Sessions};
use cloakroom_redis::RedisStore;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::world::Cart;

use super::{LATE, Plan, next_user};

type Answer = Result<String, SessionError>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Counter(u64);

impl SessionValue for Counter {
    const KEY: &'static str = "counter";
}

pub(super) fn in_memory(plan: &Plan) -> Result<Router, Failure> {
    // A million sessions must fit, as they do in the stores of the peers, which have no bound.
    Ok(app(Sessions::builder().max_bytes(16 << 30).idle_timeout(plan.idle).build()?))
}

pub(super) async fn over_redis(plan: &Plan) -> Result<Router, Failure> {
    let store = RedisStore::connect(&format!("redis://{}/?namespace={}", plan.redis, plan.namespace)).await?;
    Ok(app(Sessions::builder().store(store).idle_timeout(plan.idle).build()?))
}

fn app(sessions: Sessions) -> Router {
    Router::new()
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
        .layer(SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost()))
}

async fn idle() -> String {
    0.to_string()
}

async fn fill(session: Session) -> Answer {
    session.update(Cart::fill).await?;
    Ok(5.to_string())
}

async fn start(session: Session) -> Answer {
    session.update(Cart::fill).await?;
    session.set(Counter(0)).await?;
    Ok(5.to_string())
}

async fn cart(cart: Session<Cart>) -> String {
    cart.items.len().to_string()
}

async fn add(session: Session) -> Answer {
    let add = |cart: &mut Cart| {
        cart.add();
        cart.items.len()
    };
    Ok(session.update(add).await?.to_string())
}

async fn count(session: Session) -> Answer {
    let add = |counter: &mut Counter| {
        counter.0 += 1;
        counter.0
    };
    Ok(session.update(add).await?.to_string())
}

async fn counted(counter: Session<Counter>) -> String {
    counter.0.to_string()
}

async fn late(session: Session) -> Answer {
    let seen = session.get::<Counter>().await?.map_or(0, |counter| counter.0);
    tokio::time::sleep(LATE).await;
    session.set(Counter(seen + 1)).await?;
    Ok((seen + 1).to_string())
}

async fn login(session: Session) -> Answer {
    let user = next_user();
    session.login(Login::new(user).keep::<Cart>().keep::<Counter>()).await?;
    Ok(user.to_string())
}

async fn who(session: Session) -> Answer {
    let user = session.principal().await?;
    Ok(user.map_or_else(|| 0.to_string(), |user| user.as_str().to_owned()))
}

async fn rotate_and_fail(session: Session) -> Response {
    match session.renew().await {
        Ok(()) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(error) => error.into_response(),
    }
}

async fn switch(session: Session) -> Answer {
    session.destroy().await?;
    login(session).await
}

async fn logout(session: Session) -> Answer {
    session.destroy().await?;
    Ok(0.to_string())
}
