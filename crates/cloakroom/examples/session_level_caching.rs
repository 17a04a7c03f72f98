//! The three levels of caching, in one file: `cargo run -p cloakroom --example session_level_caching`
//!
//! Then: `curl -c jar -b jar -X POST http://127.0.0.1:3000/cart/add/item123`
//! and:  `curl -c jar -b jar http://127.0.0.1:3000/cart`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Router, serve};
use cloakroom::{CookieConfig, Session, SessionError, SessionLayer, SessionValue, Sessions};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// State: the session is its source of truth.
#[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
struct Cart {
    items: BTreeMap<String, u32>,
}

/// A cached value: its source is the database, and the session spares most of the queries.
#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = "5m")]
struct Preferences {
    language: String,
}

/// The application level: the same for everybody, so it has no place in a session.
type Catalogue = Arc<BTreeMap<&'static str, &'static str>>;

async fn show(
    session: Session,
    cart: Session<Cart>,
    State(catalogue): State<Catalogue>,
) -> Result<String, SessionError> {
    // `cart` is the request level: one snapshot, however often this handler looks at it.
    let preferences = session.get_or_load(preferences_from_database).await?;
    let line = |(item, quantity): (&String, &u32)| format!("Item {item}: {} (Qty: {quantity})", name(&catalogue, item));
    let lines: Vec<_> = cart.items.iter().map(line).collect();
    Ok(format!("[{}] Cart: {lines:?}\n", preferences.language))
}

async fn add(cart: Session<Cart>, Path(item): Path<String>) -> Result<String, SessionError> {
    cart.update(|cart| *cart.items.entry(item.clone()).or_default() += 1).await?;
    Ok(format!("Added item {item} to cart\n"))
}

fn name<'a>(catalogue: &'a Catalogue, item: &str) -> &'a str {
    catalogue.get(item).copied().unwrap_or("unknown")
}

async fn preferences_from_database() -> Result<Preferences, std::io::Error> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(Preferences { language: "en".into() })
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let sessions = Sessions::in_memory();
    let layer = SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost());
    let catalogue = Catalogue::new(BTreeMap::from([("item123", "Widget")]));
    let routes = Router::new().route("/cart", get(show)).route("/cart/add/{item}", post(add));
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    serve(listener, routes.with_state(catalogue).layer(layer)).await
}
