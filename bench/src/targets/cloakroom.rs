//! Cloakroom, as the guide uses it. Beside the endpoints of every target it has some for its own
//! measurements.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cloakroom::store::Store;
use cloakroom::{CookieConfig, Login, Session, SessionError, SessionLayer, SessionService, SessionValue, Sessions};
use cloakroom_redis::RedisStore;
use cloakroom_sqlx::{PostgresStore, SqliteStore};
use serde::{Deserialize, Serialize};
use tower::Layer;

use crate::Result;
use crate::fixtures::{Cart, CompactCart, Preferences, User};

use super::{SLOW_WRITE_DELAY, TargetConfig, next_user};

type Reply = Result<String, SessionError>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Counter(u64);

impl SessionValue for Counter {
    const KEY: &'static str = "counter";
}

pub(super) fn in_memory(config: &TargetConfig) -> Result<Router> {
    // A million sessions must fit, as they do in the other libraries' stores, which have no limit.
    Ok(app(Sessions::builder().memory_limit(16 << 30).idle_timeout(config.idle_timeout).build()?))
}

pub(super) async fn over_sqlite(config: &TargetConfig) -> Result<Router> {
    let file = config.store.strip_prefix("sqlite://").ok_or("the store is not an SQLite file")?;
    over(SqliteStore::open(file).await?, config)
}

pub(super) async fn over_postgres(config: &TargetConfig) -> Result<Router> {
    over(PostgresStore::builder().namespace(&config.namespace).connect(&config.store).await?, config)
}

pub(super) async fn over_redis(config: &TargetConfig) -> Result<Router> {
    over(RedisStore::connect(&format!("{}/?namespace={}", config.store, config.namespace)).await?, config)
}

fn over(store: impl Store, config: &TargetConfig) -> Result<Router> {
    Ok(app(Sessions::builder().store(store).idle_timeout(config.idle_timeout).build()?))
}

fn app(sessions: Sessions) -> Router {
    routes().layer(SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost()))
}

/// Returns the routes with the session layer of the guide.
pub(crate) fn layered(sessions: &Sessions) -> Router {
    routes().layer(SessionLayer::new(sessions.clone()))
}

/// Returns the routes with the layer around the router, where axum does not box it once per route.
pub(crate) fn wrapped(sessions: &Sessions) -> SessionService<Router> {
    SessionLayer::new(sessions.clone()).layer(routes())
}

fn routes() -> Router {
    Router::new()
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
        .route("/fill/login", post(fill_and_log_in))
        .route("/compact", get(compact))
        .route("/compact/fill", post(fill_compact))
        .route("/compact/add", post(add_compact))
        .route("/preferences", get(preferences))
}

async fn idle() -> String {
    0.to_string()
}

async fn fill(session: Session) -> Reply {
    session.update(Cart::fill).await?;
    Ok(5.to_string())
}

async fn start(session: Session) -> Reply {
    session.update(Cart::fill).await?;
    session.set(Counter(0)).await?;
    Ok(5.to_string())
}

async fn cart(cart: Session<Cart>) -> String {
    cart.items.len().to_string()
}

async fn add(session: Session) -> Reply {
    Ok(session.update(Cart::add).await?.to_string())
}

async fn increment(session: Session) -> Reply {
    let add = |counter: &mut Counter| {
        counter.0 += 1;
        counter.0
    };
    Ok(session.update(add).await?.to_string())
}

async fn read_counter(counter: Session<Counter>) -> String {
    counter.0.to_string()
}

async fn slow_increment(session: Session) -> Reply {
    let count = session.get::<Counter>().await?.map_or(0, |counter| counter.0) + 1;
    tokio::time::sleep(SLOW_WRITE_DELAY).await;
    session.set(Counter(count)).await?;
    Ok(count.to_string())
}

async fn login(session: Session) -> Reply {
    let user = next_user();
    session.login(Login::new(user).keep::<Cart>().keep::<Counter>()).await?;
    Ok(user.to_string())
}

async fn user(session: Session) -> Reply {
    let user = session.principal().await?;
    Ok(user.map_or_else(|| 0.to_string(), |user| user.as_str().to_owned()))
}

async fn rotate_and_fail(session: Session) -> Response {
    match session.renew().await {
        Ok(()) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(error) => error.into_response(),
    }
}

async fn switch_user(session: Session) -> Reply {
    session.destroy().await?;
    login(session).await
}

async fn logout(session: Session) -> Reply {
    session.destroy().await?;
    Ok(0.to_string())
}

async fn fill_and_log_in(session: Session, Extension(User(id)): Extension<User>) -> Reply {
    session.update(Cart::fill).await?;
    session.login(Login::new(id).keep::<Cart>()).await?;
    Ok(5.to_string())
}

async fn compact(cart: Session<CompactCart>) -> String {
    cart.0.len().to_string()
}

async fn fill_compact(session: Session) -> Reply {
    session.update(CompactCart::fill).await?;
    Ok(5.to_string())
}

async fn add_compact(session: Session) -> Reply {
    Ok(session.update(CompactCart::add).await?.to_string())
}

async fn preferences(session: Session) -> Reply {
    let load = || async { Ok::<_, Infallible>(Preferences { theme: "dark".into(), language: "en".into() }) };
    let preferences = session.get_or_load(load).await?;
    Ok((preferences.theme.len() + preferences.language.len()).to_string())
}
