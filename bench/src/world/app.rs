//! The application under measurement, with sessions and without.

use std::convert::Infallible;
use std::hint::black_box;

use axum::Router;
use axum::extract::Extension;
use axum::routing::{get, post};
use cloakroom::{Login, Session, SessionError, SessionLayer, SessionService, Sessions};
use tower::Layer;

use super::request::User;
use super::values::{Cart, CompactCart, Preferences};

type Answer = Result<&'static str, SessionError>;

/// The routes without sessions: every handler answers the same, so that the difference is the session.
pub(crate) fn bare() -> Router {
    Router::new()
        .route("/idle", get(idle))
        .route("/cart", get(idle))
        .route("/compact", get(idle))
        .route("/preferences", get(idle))
        .route("/cart/add", post(idle))
        .route("/compact/add", post(idle))
        .route("/cart/new", post(idle))
        .route("/compact/new", post(idle))
        .route("/login/new", post(idle))
        .route("/login", post(idle))
}

/// The same routes with sessions, and the layer as the guide puts it.
pub(crate) fn layered(sessions: &Sessions) -> Router {
    routes().layer(SessionLayer::new(sessions.clone()))
}

/// The layer around the whole router, where axum does not box it once per route.
pub(crate) fn wrapped(sessions: &Sessions) -> SessionService<Router> {
    SessionLayer::new(sessions.clone()).layer(routes())
}

fn routes() -> Router {
    Router::new()
        .route("/idle", get(idle))
        .route("/cart", get(cart))
        .route("/compact", get(compact))
        .route("/preferences", get(preferences))
        .route("/cart/add", post(add))
        .route("/compact/add", post(add_compact))
        .route("/cart/new", post(fill))
        .route("/compact/new", post(fill_compact))
        .route("/login/new", post(fill_and_log_in))
        .route("/login", post(log_in))
}

async fn idle() -> &'static str {
    "ok"
}

async fn cart(cart: Session<Cart>) -> &'static str {
    black_box(&cart.items);
    "ok"
}

async fn compact(cart: Session<CompactCart>) -> &'static str {
    black_box(&cart.0);
    "ok"
}

async fn preferences(session: Session) -> Answer {
    let load = || async { Ok::<_, Infallible>(Preferences { theme: "dark".into(), language: "en".into() }) };
    let preferences = session.get_or_load(load).await?;
    black_box((&preferences.theme, &preferences.language));
    Ok("ok")
}

async fn add(session: Session) -> Answer {
    session.update(Cart::add).await?;
    Ok("ok")
}

async fn add_compact(session: Session) -> Answer {
    session.update(CompactCart::add).await?;
    Ok("ok")
}

async fn fill(session: Session) -> Answer {
    session.update(Cart::fill).await?;
    Ok("ok")
}

async fn fill_compact(session: Session) -> Answer {
    session.update(CompactCart::fill).await?;
    Ok("ok")
}

async fn fill_and_log_in(session: Session, user: Extension<User>) -> Answer {
    session.update(Cart::fill).await?;
    log_in(session, user).await
}

async fn log_in(session: Session, Extension(User(id)): Extension<User>) -> Answer {
    session.login(Login::new(id).keep::<Cart>()).await?;
    Ok("ok")
}
