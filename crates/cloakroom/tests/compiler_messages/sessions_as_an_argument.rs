//! The control, which compiles: `Sessions` as an argument of a handler, and a type as a value.

use axum::Router;
use axum::routing::get;
use cloakroom::{Session, SessionError, SessionValue, Sessions};
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Deserialize, Serialize)]
struct Cart(Vec<String>);

impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

async fn count(sessions: Sessions, session: Session) -> Result<String, SessionError> {
    session.set(Cart::default()).await?;
    Ok(sessions.stats().sessions.to_string())
}

fn main() {
    let _: Router = Router::new().route("/", get(count));
}
