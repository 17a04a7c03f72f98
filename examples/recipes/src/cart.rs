//! A cart that lives as long as its visitor's session.
//!
//! ```console
//! $ curl -c jar -b jar -X POST localhost:3000/cart/lamp
//! $ curl -c jar -b jar localhost:3000/cart
//! ```

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use cloakroom::{CookieConfig, Session, SessionError, SessionLayer, SessionValue, Sessions};
use serde::{Deserialize, Serialize};

/// The number of each product.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, SessionValue)]
pub struct Cart(pub BTreeMap<String, u32>);

/// Shows the cart. A visitor without one gets no session and no cookie.
async fn show(cart: Option<Session<Cart>>) -> Json<Cart> {
    Json(cart.map(|cart| (*cart).clone()).unwrap_or_default())
}

/// Two requests at the same time both count, on any node.
async fn add(session: Session, Path(product): Path<String>) -> Result<Json<Cart>, SessionError> {
    let add = |cart: &mut Cart| {
        *cart.0.entry(product.clone()).or_default() += 1;
        cart.clone()
    };
    session.update(add).await.map(Json)
}

async fn clear(session: Session) -> Result<(), SessionError> {
    session.remove::<Cart>().await.map(drop)
}

/// Returns the application.
pub fn app(sessions: Sessions) -> Router {
    // Without HTTPS, as on your own machine. In production: `SessionLayer::new(sessions)`.
    let layer = SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost());
    Router::new().route("/cart", get(show).delete(clear)).route("/cart/{product}", post(add)).layer(layer)
}
