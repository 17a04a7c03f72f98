//! axum alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};

type Counter = Arc<AtomicU64>;

pub(super) fn app() -> Router {
    Router::new()
        .route("/idle", get(nothing))
        .route("/fill", post(items))
        .route("/start", post(items))
        .route("/cart", get(items))
        .route("/add", post(items))
        .route("/count", post(count).get(counted))
        .route("/login", post(nothing))
        .with_state(Counter::default())
}

async fn nothing() -> String {
    0.to_string()
}

async fn items() -> String {
    5.to_string()
}

async fn count(State(counter): State<Counter>) -> String {
    (counter.fetch_add(1, Relaxed) + 1).to_string()
}

async fn counted(State(counter): State<Counter>) -> String {
    counter.load(Relaxed).to_string()
}
