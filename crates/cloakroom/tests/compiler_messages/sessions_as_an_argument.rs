//! `Sessions` is an argument of handlers.

use axum::Router;
use axum::routing::get;
use cloakroom::Sessions;

async fn count(sessions: Sessions) -> String {
    sessions.stats().sessions.to_string()
}

fn main() {
    let _: Router = Router::new().route("/", get(count));
}
