//! Parallel requests of one session.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::StatusCode;
use tokio::sync::Barrier;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

use crate::browser::Browser;
use crate::deployment::{Deployment, on};

/// Two requests that both read before either of them writes.
fn app() -> Router {
    let barrier = Arc::new(Barrier::new(2));
    let set = async move |session: Session, Path(key): Path<String>| {
        session.insert(&key, 1).await.unwrap();
        barrier.wait().await;
    };
    let sum = async |session: Session| {
        let mut keys = Vec::new();
        for key in ["first", "a", "b"] {
            keys.extend(session.get::<u32>(key).await.unwrap().map(|_| key));
        }
        keys.join(" ")
    };
    let first = async |session: Session| session.insert("first", 1).await.unwrap();
    Router::new().route("/first", get(first)).route("/set/{key}", get(set)).route("/", get(sum))
}

/// Returns the keys that the session has after two parallel requests changed a key each.
async fn keys_after_parallel_requests(app: &Router) -> String {
    let mut tab = Browser::new(app);
    tab.get("/first").await.ok("");
    let mut other = tab.clone();
    let (one, two) = tokio::join!(tab.get("/set/a"), other.get("/set/b"));
    assert_eq!([one.status, two.status], [StatusCode::OK; 2]);
    tab.get("/").await.body
}

#[tokio::test]
async fn parallel_requests_that_change_different_keys_lose_nothing() {
    for deployment in Deployment::both() {
        assert_eq!(keys_after_parallel_requests(&on(&deployment.node(), app())).await, "first a b");
    }
}

/// The contrast: the same program on the store of `tower-sessions`.
#[tokio::test]
async fn tower_sessions_loses_one_of_two_parallel_changes() {
    let app = app().layer(SessionManagerLayer::new(MemoryStore::default()).with_secure(false));
    let keys = keys_after_parallel_requests(&app).await;
    assert!(["first a", "first b"].contains(&&*keys), "{keys}");
}

/// A request that overlaps with a logout.
#[tokio::test]
async fn a_late_write_does_not_revive_a_session_that_was_flushed() {
    for deployment in Deployment::both() {
        let barrier = Arc::new(Barrier::new(2));
        let (before, after) = (Arc::clone(&barrier), barrier);
        let slow = async move |session: Session| {
            session.insert("late", 1).await.unwrap();
            before.wait().await;
            before.wait().await;
        };
        let flush = async move |session: Session| {
            after.wait().await;
            session.flush().await.unwrap();
            after.wait().await;
        };
        let app = app().route("/slow", get(slow)).route("/flush", get(flush));
        let mut tab = Browser::new(&on(&deployment.node(), app));
        tab.get("/first").await.ok("");
        let mut other = tab.clone();
        let (late, flushed) = tokio::join!(other.get("/slow"), tab.get("/flush"));
        flushed.ok("");
        assert_eq!((late.status, late.set_cookie()), (StatusCode::UNAUTHORIZED, None));
        assert_eq!(tab.token(), None);
        other.get("/").await.ok("");
    }
}
