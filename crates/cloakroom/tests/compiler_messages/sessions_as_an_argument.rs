//! The control, which compiles: `Sessions` as an argument of a handler, and a type as a value, with
//! the derive and without it.

use axum::Router;
use axum::routing::get;
use cloakroom::{Session, SessionError, SessionValue, Sessions};
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Deserialize, Serialize, SessionValue)]
struct Cart(Vec<String>);

#[derive(Clone, Deserialize, Serialize)]
struct Draft(String);

impl SessionValue for Draft {
    const KEY: &'static str = "draft";
}

async fn count(sessions: Sessions, session: Session) -> Result<String, SessionError> {
    session.set(Cart::default()).await?;
    session.set(Draft(String::new())).await?;
    Ok(sessions.stats().sessions.to_string())
}

fn main() {
    let _: Router = Router::new().route("/", get(count));
}
