//! axum without sessions: every response is the same as the targets', so that the difference is the
//! session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};

type Counter = Arc<AtomicU64>;

pub(crate) fn app() -> Router {
    Router::new()
        .route("/idle", get(zero))
        .route("/fill", post(five))
        .route("/start", post(five))
        .route("/cart", get(five))
        .route("/add", post(five))
        .route("/compact", get(five))
        .route("/compact/add", post(five))
        .route("/preferences", get(six))
        .route("/count", post(increment).get(read_counter))
        .route("/login", post(zero))
        .with_state(Counter::default())
}

async fn zero() -> String {
    0.to_string()
}

async fn five() -> String {
    5.to_string()
}

async fn six() -> String {
    6.to_string()
}

async fn increment(State(counter): State<Counter>) -> String {
    (counter.fetch_add(1, Relaxed) + 1).to_string()
}

async fn read_counter(State(counter): State<Counter>) -> String {
    counter.load(Relaxed).to_string()
}
