//! What a request leaves behind: cookies, headers, and data after failures.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use cloakroom::store::StoreErrorKind;
use cloakroom_testkit::{FaultyStore, MemoryStore, Verb};
use futures_util::stream;
use http::StatusCode;
use http::header::RETRY_AFTER;
use tower_http::catch_panic::CatchPanicLayer;
use tower_sessions::Session;

use crate::browser::Browser;
use crate::deployment::{Deployment, on};
use crate::recording::recorded;

async fn insert(session: Session) {
    session.insert("a", 1).await.unwrap();
}

async fn increment(session: Session) {
    let number = session.get::<u32>("a").await.unwrap().unwrap_or(0);
    session.insert("a", number + 1).await.unwrap();
}

async fn read(session: Session) -> String {
    format!("{:?}", session.get::<u32>("a").await.unwrap())
}

/// Writes after the headers have been sent.
async fn stream(session: Session) -> Body {
    Body::from_stream(stream::once(async move {
        session.insert("a", 2).await.unwrap();
        let saved = session.save().await;
        Ok::<_, Infallible>(Bytes::from(saved.map_or_else(|error| error.to_string(), |()| "saved".to_owned())))
    }))
}

fn app() -> Router {
    Router::new()
        .route("/", get(read))
        .route("/static", get(async |_: Session| "static"))
        .route("/insert", get(insert))
        .route("/insert-nothing", get(async |session: Session| session.remove_value("a").await.map(drop).unwrap()))
        .route(
            "/fail",
            get(async |session: Session| {
                insert(session).await;
                StatusCode::BAD_GATEWAY
            }),
        )
        .route(
            "/panic",
            get(async |session: Session| {
                insert(session).await;
                if true {
                    panic!("on purpose");
                }
            }),
        )
        .route("/increment", get(increment))
        .route("/stream", get(stream))
        .layer(CatchPanicLayer::new())
}

#[tokio::test]
async fn a_visitor_without_data_gets_no_cookie() {
    for deployment in Deployment::both() {
        let sessions = deployment.node();
        let mut tab = Browser::new(&on(&sessions, app()));
        for path in ["/", "/static", "/insert-nothing"] {
            assert_eq!(tab.get(path).await.set_cookie(), None, "{path}");
        }
        assert_eq!(sessions.stats().created, 0);
    }
}

#[tokio::test]
async fn an_unchanged_session_gets_no_cookie_and_no_write() {
    for deployment in Deployment::both() {
        let sessions = deployment.node();
        let mut tab = Browser::new(&on(&sessions, app()));
        assert!(tab.get("/insert").await.set_cookie().is_some());
        let commits = sessions.stats().commits;
        for path in ["/", "/insert", "/static"] {
            assert_eq!(tab.get(path).await.set_cookie(), None, "{path}");
        }
        assert_eq!(sessions.stats().commits, commits);
    }
}

#[tokio::test]
async fn a_response_that_did_not_use_the_session_may_be_cached() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/insert").await.ok("");
        assert_eq!(tab.get("/static").await.cache_control(), None);
        assert!(tab.get("/").await.cache_control().is_some());
    }
}

#[tokio::test]
async fn a_failed_response_saves_nothing() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        for (path, status) in [("/fail", StatusCode::BAD_GATEWAY), ("/panic", StatusCode::INTERNAL_SERVER_ERROR)] {
            assert_eq!(tab.get(path).await.status, status);
            assert_eq!(tab.token(), None);
        }
    }
}

#[tokio::test]
async fn a_streaming_body_writes_to_a_session_that_exists() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        let reply = tab.get("/stream").await;
        assert!(reply.body.contains("response"), "there was no session, and no cookie can be sent any more: {reply:?}");
        assert_eq!(tab.token(), None);
        tab.get("/insert").await.ok("");
        tab.get("/stream").await.ok("saved");
        tab.get("/").await.ok("Some(2)");
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_no_empty_session() {
    let store = FaultyStore::new(MemoryStore::new());
    let sessions = recorded().store(store.clone()).build().unwrap();
    let mut tab = Browser::new(&on(&sessions, app()));
    tab.get("/insert").await.ok("");
    store.fail_next(Verb::Commit, StoreErrorKind::Unavailable);
    let before = tab.clone();
    let reply = tab.get("/increment").await;
    assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(reply.header(RETRY_AFTER), Some("1"));
    assert_eq!(tab.token(), before.token());
    tab.get("/").await.ok("Some(1)");
    tab.get("/increment").await.ok("");
    tab.get("/").await.ok("Some(2)");
}

#[tokio::test]
async fn without_a_session_layer_the_response_is_an_error() {
    let app = app().layer(cloakroom_tower_sessions::TowerSessionsLayer::new());
    assert_eq!(Browser::new(&app).get("/").await.status, StatusCode::INTERNAL_SERVER_ERROR);
}
