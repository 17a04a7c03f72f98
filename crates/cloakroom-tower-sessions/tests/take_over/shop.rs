//! An application on `tower-sessions`, and the same application on Cloakroom.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use cloakroom::{CookieConfig, Login, SessionLayer, Sessions};
use cloakroom_tower_sessions::{
    NewSession, OldCookie, OldSession, OldStore, TakeOverKey, TakeOverLayer, TowerSessionsLayer,
};
use tower_sessions::service::CookieController;
use tower_sessions::{Session, SessionManagerLayer, SessionStore};

use crate::browser::Browser;

async fn add(session: Session, Path(item): Path<String>) -> String {
    let mut cart = session.get::<Vec<String>>("cart").await.unwrap().unwrap_or_default();
    cart.push(item);
    session.insert("cart", &cart).await.unwrap();
    cart.join(" ")
}

async fn cart(session: Session) -> String {
    session.get::<Vec<String>>("cart").await.unwrap().unwrap_or_default().join(" ")
}

async fn log_in(session: Session, Path(user): Path<String>) {
    session.cycle_id().await.unwrap();
    session.insert("user", user).await.unwrap();
}

async fn who(session: Session) -> String {
    session.get::<String>("user").await.unwrap().unwrap_or_else(|| "nobody".into())
}

/// The handlers, which are the same before and after the move.
pub(crate) fn routes() -> Router {
    Router::new()
        .route("/cart", get(cart))
        .route("/add/{item}", get(add))
        .route("/login/{user}", get(log_in))
        .route("/logout", get(async |session: Session| session.flush().await.unwrap()))
        .route("/", get(who))
}

/// The application before the move.
pub(crate) fn old<S: SessionStore + Clone, C: CookieController + Sync>(layer: SessionManagerLayer<S, C>) -> Router {
    routes().layer(layer.with_secure(false))
}

pub(crate) fn key() -> TakeOverKey {
    TakeOverKey::new([7; 32]).unwrap()
}

/// A user stays logged in.
pub(crate) fn convert(old: &OldSession) -> NewSession {
    let session = NewSession::with_data(&old.data);
    match old.data.get("user").and_then(|user| user.as_str()) {
        Some(user) => session.login(Login::new(user)),
        None => session,
    }
}

pub(crate) fn take_over(store: impl OldStore) -> TakeOverLayer {
    TakeOverLayer::new(OldCookie::named("id").insecure(), store, key()).convert(convert)
}

/// The application after the move.
pub(crate) fn new(sessions: &Sessions, take_over: TakeOverLayer) -> Router {
    new_with(sessions, take_over, routes())
}

pub(crate) fn new_with(sessions: &Sessions, take_over: TakeOverLayer, routes: Router) -> Router {
    routes
        .layer(TowerSessionsLayer::new())
        .layer(take_over)
        .layer(SessionLayer::new(sessions.clone()).cookie(CookieConfig::insecure_for_localhost()))
}

/// A visitor of the old application who is logged in and has something in the cart.
pub(crate) async fn visitor(old: &Router) -> Browser {
    let mut tab = Browser::new(old);
    tab.get("/login/alice").await.ok("");
    tab.get("/add/umbrella").await.ok("umbrella");
    assert_eq!(tab.cookies.len(), 1);
    tab
}
