//! Serves one of the recipes: `cargo run -p cloakroom-recipes -- cart`.

use std::error::Error;

use cloakroom::Sessions;
use cloakroom_recipes::{accounts, api, cart, live, notes, roles, two_nodes};

const USAGE: &str = "Usage: cloakroom-recipes <cart|live|accounts|roles|notes|api|two-nodes> [PORT]";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let app = match arguments.next().as_deref() {
        Some("cart") => cart::app(Sessions::in_memory()),
        Some("live") => live::app(Sessions::in_memory()),
        Some("accounts") => accounts::app("accounts.db").await?,
        Some("roles") => roles::app(Sessions::in_memory(), roles::Staff::default())?,
        Some("notes") => notes::app(Sessions::in_memory()),
        Some("api") => api::app(Sessions::in_memory(), api::codec()?)?,
        Some("two-nodes") => two_nodes::app("redis://localhost:6379/?namespace=recipes").await?,
        _ => return Err(USAGE.into()),
    };
    let port = arguments.next().map_or(Ok(3000), |port| port.parse::<u16>())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    tracing::info!(address = %listener.local_addr()?, "serving");
    Ok(axum::serve(listener, app).await?)
}
