//! The application after the move.
//!
//! The parts about the old sessions go when the last one has expired, and `axum-login` and
//! `TowerSessionsLayer` when the last handler is ported.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum_login::AuthManager;
use cloakroom::{CookieConfig, Login, Principal, SessionLayer, Sessions};
use cloakroom_sqlx::SqliteStore;
use cloakroom_tower_sessions::{
    Data, NewSession, OldCookie, OldSession, TakeOverKey, TakeOverLayer, TowerSessionsLayer,
};
use tower::layer::layer_fn;
use tower_sessions_sqlx_store::SqliteStore as OldStore;
use tower_sessions_sqlx_store::sqlx::SqlitePool as OldPool;

use crate::shop::{Accounts, routes};

/// The lifetime that the old sessions had, and that the new ones have.
const DAYS_14: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Finds the user where `axum-login` keeps it.
fn principal(data: &Data) -> Option<Principal> {
    Some(Principal::new(data.get("axum-login.data")?.get("user_id")?.as_i64()?.to_string()))
}

fn convert(old: &OldSession) -> NewSession {
    let session = NewSession::with_data(&old.data);
    match principal(&old.data) {
        Some(user) => session.login(Login::new(user)),
        None => session,
    }
}

/// Returns the application, with its sessions in `file`. It takes over those that are in `old_pool`
/// at the time of the `move_`; `secret` is 32 random bytes, the same at every start.
///
/// # Errors
/// If the file or a setting cannot be used.
pub async fn app(
    file: &str,
    old_pool: OldPool,
    secret: [u8; 32],
    move_: SystemTime,
) -> Result<Router, Box<dyn std::error::Error>> {
    let store = SqliteStore::open(file).await?;
    let sessions = Sessions::builder().idle_timeout(DAYS_14).absolute_timeout(4 * DAYS_14).store(store).build()?;
    // The old cookie stayed when the browser was closed.
    let cookie = CookieConfig::builder().persistent().build()?;
    let take_over = TakeOverLayer::new(OldCookie::named("id"), OldStore::new(old_pool), TakeOverKey::new(secret)?)
        .convert(convert)
        .until(move_ + DAYS_14);
    Ok(routes()
        .layer(layer_fn(|inner| AuthManager::new(inner, Accounts, "axum-login.data")))
        .layer(TowerSessionsLayer::new().principal(principal))
        .layer(take_over)
        .layer(SessionLayer::new(sessions).cookie(cookie)))
}
