//! `tower-sessions` with any of its stores. `bench/sqlx-peer` uses this file too.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use tower_sessions::session::Error;
use tower_sessions::{Expiry, Session, SessionManagerLayer, SessionStore};

use super::{Cart, SLOW_WRITE_DELAY, next_user};
use crate::Result;

type Reply = Result<String, StatusCode>;

pub(super) fn app(store: impl SessionStore + Clone, idle_timeout: Duration) -> Result<Router> {
    let expiry = Expiry::OnInactivity(idle_timeout.try_into()?);
    Ok(Router::new()
        .route("/idle", get(idle))
        .route("/fill", post(fill))
        .route("/start", post(start))
        .route("/cart", get(cart))
        .route("/add", post(add))
        .route("/count", post(increment).get(read_counter))
        .route("/late", post(slow_increment))
        .route("/login", post(login))
        .route("/who", get(user))
        .route("/rotate/fail", post(rotate_and_fail))
        .route("/switch", post(switch_user))
        .route("/logout", post(logout))
        .layer(SessionManagerLayer::new(store).with_secure(false).with_expiry(expiry)))
}

async fn idle() -> String {
    0.to_string()
}

async fn fill(session: Session) -> Reply {
    let mut cart = Cart::default();
    cart.fill();
    session.insert("cart", cart).await.map_err(to_status)?;
    Ok(5.to_string())
}

async fn start(session: Session) -> Reply {
    session.insert("counter", 0_u64).await.map_err(to_status)?;
    fill(session).await
}

async fn cart(session: Session) -> Reply {
    let cart: Cart = get_or_default(&session, "cart").await?;
    Ok(cart.items.len().to_string())
}

async fn add(session: Session) -> Reply {
    let mut cart: Cart = get_or_default(&session, "cart").await?;
    let items = cart.add();
    session.insert("cart", cart).await.map_err(to_status)?;
    Ok(items.to_string())
}

async fn increment(session: Session) -> Reply {
    let count = get_or_default::<u64>(&session, "counter").await? + 1;
    session.insert("counter", count).await.map_err(to_status)?;
    Ok(count.to_string())
}

async fn read_counter(session: Session) -> Reply {
    let count: u64 = get_or_default(&session, "counter").await?;
    Ok(count.to_string())
}

async fn slow_increment(session: Session) -> Reply {
    let count = get_or_default::<u64>(&session, "counter").await? + 1;
    tokio::time::sleep(SLOW_WRITE_DELAY).await;
    session.insert("counter", count).await.map_err(to_status)?;
    Ok(count.to_string())
}

async fn login(session: Session) -> Reply {
    let user = next_user();
    session.cycle_id().await.map_err(to_status)?;
    session.insert("user", user).await.map_err(to_status)?;
    Ok(user.to_string())
}

async fn user(session: Session) -> Reply {
    let user: u64 = get_or_default(&session, "user").await?;
    Ok(user.to_string())
}

async fn rotate_and_fail(session: Session) -> StatusCode {
    // The response is the same whether this fails or not.
    drop(session.cycle_id().await);
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn switch_user(session: Session) -> Reply {
    session.flush().await.map_err(to_status)?;
    let user = next_user();
    session.insert("user", user).await.map_err(to_status)?;
    Ok(user.to_string())
}

async fn logout(session: Session) -> Reply {
    session.flush().await.map_err(to_status)?;
    Ok(0.to_string())
}

async fn get_or_default<T: DeserializeOwned + Default>(session: &Session, key: &str) -> Result<T, StatusCode> {
    Ok(session.get(key).await.map_err(to_status)?.unwrap_or_default())
}

fn to_status(_error: Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}
