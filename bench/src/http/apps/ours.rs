//! Cloakroom, as the guide uses it.

use axum::Router;
use axum::routing::{get, post};
use cloakroom::{CookieConfig, Session, SessionError, SessionLayer, SessionValue, Sessions};
use cloakroom_redis::RedisStore;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::world::Cart;

use super::{LATE, Plan};

type Answer = Result<String, SessionError>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Counter(u64);

impl SessionValue for Counter {
    const KEY: &'static str = "counter";
}

pub(super) fn in_memory(plan: &Plan) -> Result<Router, Failure> {
    Ok(app(Sessions::builder().idle_timeout(plan.idle).build()?))
}

pub(super) async fn over_redis(plan: &Plan) -> Result<Router, Failure> {
    let store = RedisStore::connect(&format!("redis://{}/?namespace={}", plan.redis, plan.namespace)).await?;
    Ok(app(Sessions::builder().store(store).idle_timeout(plan.idle).build()?))
}

fn app(sessions: Sessions) -> Router {
    Router::new()
        .route("/start", post(start))
        .route("/cart", get(cart))
        .route("/count", post(count).get(counted))
        .route("/late", post(late))
        .route("/logout", post(logout))
        .layer(SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost()))
}

async fn start(session: Session) -> Answer {
    session.update(Cart::fill).await?;
    session.set(Counter(0)).await?;
    Ok(5.to_string())
}

async fn cart(cart: Session<Cart>) -> String {
    cart.items.len().to_string()
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

async fn logout(session: Session) -> Answer {
    session.destroy().await?;
    Ok(0.to_string())
}
