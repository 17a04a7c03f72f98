//! Any number of nodes over Redis or Valkey. Handlers are those of one node.
//!
//! ```console
//! $ redis-server --save '' &
//! $ cargo run -p cloakroom-recipes -- two-nodes 3000 &
//! $ cargo run -p cloakroom-recipes -- two-nodes 3001 &
//! $ curl -c jar -b jar -X POST localhost:3000/cart/lamp
//! $ curl -c jar -b jar -X POST localhost:3001/cart/lamp
//! ```

use std::error::Error;

use axum::Router;
use cloakroom::Sessions;
use cloakroom_redis::RedisStore;

/// Returns a node of the application: that of [`cart`](crate::cart).
///
/// # Errors
/// If the address is malformed, or no server answers there.
pub async fn app(redis: &str) -> Result<Router, Box<dyn Error>> {
    let store = RedisStore::connect(redis).await?;
    Ok(crate::cart::app(Sessions::builder().store(store).build()?))
}
