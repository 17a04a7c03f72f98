//! The application before the move.

use axum::Router;
use axum_login::AuthManagerLayerBuilder;
use tower_sessions::cookie::time::Duration;
use tower_sessions::{Expiry, SessionManagerLayer};
use tower_sessions_sqlx_store::SqliteStore;
use tower_sessions_sqlx_store::sqlx::SqlitePool;

use crate::shop::{Accounts, routes};

/// Returns the application, with its sessions in a table of `pool`.
///
/// # Errors
/// If the table cannot be created.
pub async fn app(pool: SqlitePool) -> Result<Router, Box<dyn std::error::Error>> {
    let store = SqliteStore::new(pool);
    store.migrate().await?;
    let sessions = SessionManagerLayer::new(store).with_expiry(Expiry::OnInactivity(Duration::days(14)));
    Ok(routes().layer(AuthManagerLayerBuilder::new(Accounts, sessions).build()))
}
