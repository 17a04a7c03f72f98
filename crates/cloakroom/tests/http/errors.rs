//! R57: what a client reads of a failure is one constant sentence per status.

use std::io;

use axum::Router;
use axum::routing::any;
use cloakroom::store::{LimitPolicy, StoreErrorKind};
use cloakroom::testkit::{FailingRandom, Verb};
use cloakroom::{Session, SessionError, SessionErrorKind as Kind, SessionValue};
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::{Browser, Count, House, Node, Note, Reply, Stage, Theme, routes};

const SECRET: &str = "postgres://admin:hunter2@10.0.0.7/shop";

/// A value that cannot be encoded, and says why.
#[derive(Clone, Default)]
struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(SECRET))
    }
}

impl<'de> Deserialize<'de> for Stubborn {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom(SECRET))
    }
}

impl SessionValue for Stubborn {
    const KEY: &'static str = "count";
}

async fn fail(session: Session, axum::extract::Path(how): axum::extract::Path<String>) -> Result<(), SessionError> {
    let kind = |error: &SessionError| format!("{:?}", error.kind());
    let outcome = match &*how {
        "load-failed" => session.get_or_load(async || Err::<Theme, _>(io::Error::other(SECRET))).await.map(drop),
        "load-panicked" => {
            session.get_or_load(async || -> Result<Theme, SessionError> { panic!("{SECRET}") }).await.map(drop)
        }
        "load-timed-out" => {
            session.get_or_load(async || std::future::pending::<Result<Theme, SessionError>>().await).await.map(drop)
        }
        "encode" => session.set(Stubborn).await,
        "decode" => session.get::<Stubborn>().await.map(drop),
        "too-large" => session.set(Note("x".repeat(1 << 17))).await,
        other => panic!("no way to fail: {other}"),
    };
    outcome.inspect_err(|error| tracing::debug!("{}", kind(error)))
}

fn node(house: &House) -> Node {
    Node::with_routes(house.builder(), routes().merge(Router::new().route("/fail/{how}", any(fail))))
}

#[track_caller]
fn assert_opaque(reply: &Reply, status: StatusCode, body: &str) {
    assert_eq!((reply.status, &*reply.body), (status, body));
    assert_eq!(reply.header(CONTENT_TYPE.as_str()), ["text/plain; charset=utf-8"]);
    let retry = status == StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(reply.headers.contains_key(RETRY_AFTER), retry);
    assert_eq!(reply.set_cookie(), None);
    assert!(!format!("{reply:?}").contains("hunter2"));
}

const LATER: &str = "Not available right now. Try again.\n";
const WRONG: &str = "Something went wrong.\n";

#[tokio::test]
async fn r57_failures_of_values_and_loaders_are_opaque() {
    for house in House::both() {
        let node = node(&house);
        let mut browser = Browser::new(&node.app);
        browser.post("/count").await.ok();
        browser.settle().await;
        for (how, status, body) in [
            ("load-failed", StatusCode::SERVICE_UNAVAILABLE, LATER),
            ("load-panicked", StatusCode::INTERNAL_SERVER_ERROR, WRONG),
            ("encode", StatusCode::INTERNAL_SERVER_ERROR, WRONG),
            ("decode", StatusCode::INTERNAL_SERVER_ERROR, WRONG),
            ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "That is more than a session can hold.\n"),
        ] {
            assert_opaque(&browser.get(&format!("/fail/{how}")).await, status, body);
        }
        assert_eq!(browser.get("/count").await.ok().body, "1", "nothing was changed");
    }
}

#[tokio::test]
async fn r57_a_load_that_takes_too_long_is_opaque() {
    for house in House::both() {
        let node = node(&house);
        let mut browser = Browser::new(&node.app);
        browser.post("/count").await.ok();
        browser.settle().await;
        let mut tab = browser.clone();
        let load = tokio::spawn(async move { tab.get("/fail/load-timed-out").await });
        while node.sessions.stats().loads == 0 {
            tokio::task::yield_now().await;
        }
        while !load.is_finished() {
            house.clock.advance(crate::support::secs(11));
            tokio::task::yield_now().await;
        }
        assert_opaque(&load.await.unwrap(), StatusCode::SERVICE_UNAVAILABLE, LATER);
    }
}

#[tokio::test]
async fn r57_every_fault_of_a_store_is_opaque_and_never_looks_like_no_session() {
    let house = House::shared();
    let (store, node) = house.faulty_node();
    let mut browser = Browser::new(&node.app);
    browser.post("/login/alice").await.ok();
    for (kind, status, body) in [
        (StoreErrorKind::Unavailable, StatusCode::SERVICE_UNAVAILABLE, LATER),
        (StoreErrorKind::Unknown, StatusCode::SERVICE_UNAVAILABLE, LATER),
        (StoreErrorKind::Refused, StatusCode::SERVICE_UNAVAILABLE, LATER),
        (StoreErrorKind::Corrupt, StatusCode::INTERNAL_SERVER_ERROR, WRONG),
    ] {
        let fresh = || Node::new(crate::support::recorded().clock(house.clock.clone()).store(store.clone()));
        store.fail_all(kind);
        for path in [
            "/whoami",
            "/note",
            "/note/x",
            "/count",
            "/login/bob",
            "/do/renew",
            "/do/destroy",
            "/do/extract-option",
            "/do/remove",
        ] {
            let reply = browser.at(&fresh().app).post(path).await;
            assert_opaque(&reply, status, body);
        }
        store.heal();
        assert_eq!(browser.at(&fresh().app).get("/whoami").await.ok().body, "alice", "{kind:?}");
    }
}

#[tokio::test]
async fn r57_an_ended_session_a_full_house_and_no_randomness_are_opaque() {
    for house in House::both() {
        let stage = Stage::new();
        let node = Node::with_routes(house.builder(), stage.routes());
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        browser.settle().await;
        let mut tab = browser.clone();
        let late = tokio::spawn(async move { tab.post("/paused/set").await });
        stage.arrival().await;
        browser.post("/do/destroy").await.ok();
        stage.release();
        assert_opaque(&late.await.unwrap(), StatusCode::UNAUTHORIZED, "The session is over.\n");

        let node = Node::new(house.builder().max_sessions_per_principal(1, LimitPolicy::Reject));
        Browser::new(&node.app).post("/login/alice").await.ok();
        let refused = Browser::new(&node.app).post("/login/alice").await;
        assert_opaque(&refused, StatusCode::CONFLICT, "Too many sessions. End another one first.\n");

        let node = Node::new(house.builder().random(FailingRandom::after(3)));
        let refused = Browser::new(&node.app).post("/note/mine").await;
        assert_opaque(&refused, StatusCode::SERVICE_UNAVAILABLE, LATER);
    }
    let node = Node::new(House::local().builder().max_bytes(80 << 10));
    let mut refused = None;
    for number in 0..1000 {
        refused =
            Some(Browser::new(&node.app).post(&format!("/login/{number}")).await).filter(|reply| reply.status != 200);
        if refused.is_some() {
            break;
        }
    }
    assert_opaque(&refused.unwrap(), StatusCode::SERVICE_UNAVAILABLE, LATER);
}

#[tokio::test]
async fn r57_a_route_without_the_layer_is_an_error_and_says_so_in_the_log_only() {
    let (log, _guard) = crate::support::capture();
    let app = routes();
    for path in ["/whoami", "/note", "/count", "/do/extract", "/do/extract-option", "/do/get"] {
        assert_opaque(&Browser::new(&app).get(path).await, StatusCode::INTERNAL_SERVER_ERROR, WRONG);
    }
    assert!(log.text().contains("NoLayer"), "{}", log.text());
}

#[tokio::test]
async fn errors_name_their_kind_and_their_cause_to_the_application() {
    let app = House::local().node();
    let kinds = async |session: Session| {
        let failed = session.get_or_load(async || Err::<Theme, _>(io::Error::other("why"))).await.unwrap_err();
        assert_eq!(failed.kind(), Kind::LoadFailed);
        let causes = std::iter::successors(std::error::Error::source(&failed), |error| error.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        assert_eq!(causes, ["the loader failed", "why"]);
        let missing = session.remember(crate::support::secs(60)).await.unwrap_err();
        assert_eq!((missing.kind(), missing.to_string()), (Kind::Ended, "the session is over".to_owned()));
        session.get::<Count>().await.unwrap();
    };
    let router = Router::new().route("/", any(kinds)).layer(cloakroom::SessionLayer::new(app.sessions));
    Browser::new(&router).get("/").await.ok();
}

/// A repeat that does not get through says nothing about the first attempt, which may have.
#[tokio::test]
async fn a_lost_reply_stays_unknown_when_the_repeat_fails() {
    async fn count(session: Session) -> String {
        let outcome = session.update(|count: &mut Count| count.0 += 1).await;
        outcome.map_or_else(|error| format!("{:?}", error.kind()), |()| "done".to_owned())
    }
    let house = House::shared();
    for later in [StoreErrorKind::Unavailable, StoreErrorKind::Refused] {
        let (store, _) = house.faulty_node();
        let builder = crate::support::recorded().clock(house.clock.clone()).store(store.clone());
        let node = Node::with_routes(builder, Router::new().route("/count", any(count)));
        let mut browser = Browser::new(&node.app);
        assert_eq!(browser.post("/count").await.ok().body, "done");
        store.lose_reply_next(Verb::Commit);
        store.fail_next(Verb::Commit, later);
        assert_eq!(browser.post("/count").await.ok().body, format!("{:?}", Kind::OutcomeUnknown), "{later:?}");
        store.heal();
        assert_eq!(browser.post("/count").await.ok().body, "done");
    }
}
