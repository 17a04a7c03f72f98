//! R57: the body of an error response is one constant sentence per status.

use std::io;

use axum::Router;
use axum::routing::{any, get};
use cloakroom::store::{LimitPolicy, Payload, StoreErrorKind};
use cloakroom::{CsrfHeader, RecentLogin, Session, SessionError, SessionErrorKind as Kind, SessionValue};
use cloakroom_testkit::{FailingRandom, Verb};
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::{Browser, Count, Deployment, HandlerGate, Node, Note, Reply, Theme, routes, secs};

const SECRET: &str = "postgres://admin:hunter2@10.0.0.7/shop";

/// A value that cannot be encoded, with a secret in its error.
#[derive(Clone, Default)]
struct Unserializable;

impl Serialize for Unserializable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(SECRET))
    }
}

impl<'de> Deserialize<'de> for Unserializable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom(SECRET))
    }
}

impl SessionValue for Unserializable {
    const KEY: &'static str = "count";
}

async fn fail(session: Session, axum::extract::Path(fault): axum::extract::Path<String>) -> Result<(), SessionError> {
    let kind = |error: &SessionError| format!("{:?}", error.kind());
    let outcome = match &*fault {
        "load-failed" => session.get_or_load(async || Err::<Theme, _>(io::Error::other(SECRET))).await.map(drop),
        "load-panicked" => {
            session.get_or_load(async || -> Result<Theme, SessionError> { panic!("{SECRET}") }).await.map(drop)
        }
        "load-timed-out" => {
            session.get_or_load(async || std::future::pending::<Result<Theme, SessionError>>().await).await.map(drop)
        }
        "encode" => session.set(Unserializable).await,
        "decode" => session.get::<Unserializable>().await.map(drop),
        "too-large" => session.set(Note("x".repeat(1 << 17))).await,
        other => panic!("unknown fault: {other}"),
    };
    outcome.inspect_err(|error| tracing::debug!("{}", kind(error)))
}

fn node(deployment: &Deployment) -> Node {
    Node::with_routes(deployment.builder(), routes().merge(Router::new().route("/fail/{fault}", any(fail))))
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

const UNAVAILABLE: &str = "Not available right now. Try again.\n";
const INTERNAL: &str = "Something went wrong.\n";

#[tokio::test]
async fn r57_failures_of_values_and_loaders_are_opaque() {
    for deployment in Deployment::both() {
        let node = node(&deployment);
        let mut browser = Browser::new(&node.app);
        browser.post("/count").await.ok();
        browser.sync_hint().await;
        for (fault, status, body) in [
            ("load-failed", StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE),
            ("load-panicked", StatusCode::INTERNAL_SERVER_ERROR, INTERNAL),
            ("encode", StatusCode::INTERNAL_SERVER_ERROR, INTERNAL),
            ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The session cannot hold that much data.\n"),
        ] {
            assert_opaque(&browser.get(&format!("/fail/{fault}")).await, status, body);
        }
        let reply = browser.get("/fail/decode").await;
        assert!(!reply.body.contains("hunter2"));
        // Two types under one key: a debug build names them in the response.
        if !cfg!(debug_assertions) {
            assert_opaque(&reply, StatusCode::INTERNAL_SERVER_ERROR, INTERNAL);
        }
        assert_eq!(browser.get("/count").await.ok().body, "1", "a failed operation changes nothing");
    }
}

#[tokio::test]
async fn r57_a_load_that_takes_too_long_is_opaque() {
    for deployment in Deployment::both() {
        let node = node(&deployment);
        let mut browser = Browser::new(&node.app);
        browser.post("/count").await.ok();
        browser.sync_hint().await;
        let mut tab = browser.clone();
        let load = tokio::spawn(async move { tab.get("/fail/load-timed-out").await });
        while node.sessions.stats().loads == 0 {
            tokio::task::yield_now().await;
        }
        while !load.is_finished() {
            deployment.clock.advance(crate::support::secs(11));
            tokio::task::yield_now().await;
        }
        assert_opaque(&load.await.unwrap(), StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE);
    }
}

#[tokio::test]
async fn r57_every_fault_of_a_store_is_opaque_and_never_looks_like_no_session() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&node.app);
    browser.post("/login/alice").await.ok();
    for (kind, status, body) in [
        (StoreErrorKind::Unavailable, StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE),
        (StoreErrorKind::Unknown, StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE),
        (StoreErrorKind::Refused, StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE),
        (StoreErrorKind::Corrupt, StatusCode::INTERNAL_SERVER_ERROR, INTERNAL),
    ] {
        let fresh = || Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(store.clone()));
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
        store.reset();
        assert_eq!(browser.at(&fresh().app).get("/whoami").await.ok().body, "alice", "{kind:?}");
    }
}

#[tokio::test]
async fn r57_an_ended_session_a_full_house_and_no_randomness_are_opaque() {
    for deployment in Deployment::both() {
        let gate = HandlerGate::new();
        let node = Node::with_routes(deployment.builder(), gate.routes());
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        browser.sync_hint().await;
        let mut tab = browser.clone();
        let write = tokio::spawn(async move { tab.post("/paused/set").await });
        gate.wait_until_paused().await;
        browser.post("/do/destroy").await.ok();
        gate.release();
        assert_opaque(&write.await.unwrap(), StatusCode::UNAUTHORIZED, "The session is over.\n");

        let node = Node::new(deployment.builder().max_sessions_per_principal(1, LimitPolicy::Reject));
        Browser::new(&node.app).post("/login/alice").await.ok();
        let refused = Browser::new(&node.app).post("/login/alice").await;
        assert_opaque(&refused, StatusCode::CONFLICT, "Too many sessions. End another one first.\n");

        let node = Node::new(deployment.builder().random(FailingRandom::after(3)));
        let refused = Browser::new(&node.app).post("/note/mine").await;
        assert_opaque(&refused, StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE);
    }
    let node = Node::new(Deployment::local().builder().memory_limit(80 << 10));
    let mut refused = None;
    for number in 0..1000 {
        refused =
            Some(Browser::new(&node.app).post(&format!("/login/{number}")).await).filter(|reply| reply.status != 200);
        if refused.is_some() {
            break;
        }
    }
    assert_opaque(&refused.unwrap(), StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE);
}

#[tokio::test]
async fn r57_a_route_without_the_layer_says_in_the_log_which_extractor_wants_it_and_to_visitors_nothing() {
    let app =
        routes().route("/csrf", get(async |_: CsrfHeader| ())).route("/recent", get(async |_: RecentLogin<60>| ()));
    for (path, extractor) in [
        ("/whoami", "Session"),
        ("/note", "Note"),
        ("/count", "Count"),
        ("/do/extract-option", "Option<"),
        ("/csrf", "CsrfHeader"),
        ("/recent", "RecentLogin<60>"),
    ] {
        let (log, _guard) = crate::support::capture();
        let reply = Browser::new(&app).get(&format!("{path}?key=hunter2")).await;
        for text in
            [format!("the handler of GET \"{path}\" takes"), extractor.to_owned(), ".layer(SessionLayer".to_owned()]
        {
            assert!(log.text().contains(&text), "{text}: {}", log.text());
        }
        assert_eq!(log.info_lines(), 1);
        assert!(!log.text().contains("hunter2"));
        if cfg!(debug_assertions) {
            assert!(reply.body.contains(extractor) && reply.body.contains("to the router"), "{}", reply.body);
        } else {
            assert_opaque(&reply, StatusCode::INTERNAL_SERVER_ERROR, INTERNAL);
        }
    }
}

/// Another type under the key of [`Note`].
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Pages {
    pages: Vec<u32>,
}

impl SessionValue for Pages {
    const KEY: &'static str = Note::KEY;
}

#[tokio::test]
async fn two_types_under_one_key_are_named_at_first_use_in_debug_builds() {
    let node = Deployment::local().node();
    let read = get(async |pages: Session<Pages>| pages.pages.len().to_string());
    let app = Node::with_sessions(node.sessions, routes().route("/pages", read));
    let (log, _guard) = crate::support::capture();
    let mut browser = Browser::new(&app);
    browser.post("/note/mine").await.ok();
    assert_eq!(log.info_lines(), 0);
    let reply = browser.get("/pages").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    for name in ["the value `note` is used by two types", "values::Note", "errors::Pages", "a different `KEY`"] {
        assert!(log.text().contains(name), "{name}: {}", log.text());
        assert_eq!(reply.body.contains(name), cfg!(debug_assertions), "{name}: {}", reply.body);
    }
    // The log has one line for the decoding error, and in debug builds one for the mismatch.
    assert_eq!(log.info_lines(), 1 + usize::from(cfg!(debug_assertions)));
}

#[tokio::test]
async fn a_value_of_another_type_and_a_damaged_one_are_different_errors() {
    let deployment = Deployment::shared();
    let store = deployment.store.clone().unwrap();
    let mut browser = Browser::new(&deployment.node().app);
    browser.post("/note/mine").await.ok();
    let selector = store.selectors()[0];
    for (stored, message) in [
        (&b"{\"pages\":[]}"[..], "the value `note` was written by another type"),
        (b"\"cut", "the value `note` is damaged"),
        (b"", "the value `note` is damaged"),
    ] {
        let mut record = store.record(selector).unwrap();
        record.values[0].payload = Payload::Present(stored.into());
        store.roll_back(selector, record);
        let (log, _guard) = crate::support::capture();
        let fresh = deployment.node();
        assert_opaque(&browser.at(&fresh.app).get("/note").await, StatusCode::INTERNAL_SERVER_ERROR, INTERNAL);
        assert!(log.text().contains(message), "{}", log.text());
        assert!(!log.text().contains("pages") && !log.text().contains("cut"), "{}", log.text());
    }
}

#[tokio::test]
async fn a_failing_store_is_logged_once_per_interval_not_per_request() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    store.inner().disconnect();
    store.fail_all(StoreErrorKind::Unavailable);
    let (log, _guard) = crate::support::capture();
    for _ in 0..100 {
        assert_eq!(browser.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(browser.post("/note/other").await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(log.info_lines(), 1, "{}", log.text());
    deployment.clock.advance(secs(10));
    browser.get("/note").await;
    assert_eq!(log.info_lines(), 2);
    assert!(log.text().contains("times=200"), "{}", log.text());
}

#[test]
fn every_error_kind_has_a_public_status() {
    for (kind, status) in [
        (Kind::Ended, 401),
        (Kind::Ambiguous, 400),
        (Kind::TooManyCookies, 431),
        (Kind::Conflict, 409),
        (Kind::CsrfRefused, 403),
        (Kind::TooLarge, 413),
        (Kind::StoreUnavailable, 503),
        (Kind::Decode, 500),
        (Kind::NoLayer, 500),
        (Kind::ResponseBegun, 500),
    ] {
        assert_eq!(kind.status().as_u16(), status, "{kind:?}");
    }
}

#[tokio::test]
async fn errors_name_their_kind_and_their_cause_to_the_application() {
    let app = Deployment::local().node();
    let kinds = async |session: Session| {
        let failed = session.get_or_load(async || Err::<Theme, _>(io::Error::other("why"))).await.unwrap_err();
        assert_eq!(failed.kind(), Kind::LoadFailed);
        let causes = std::iter::successors(std::error::Error::source(&failed), |error| error.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        assert_eq!(causes, ["the loader failed", "why"]);
        let missing = session.remember(crate::support::secs(60)).await.unwrap_err();
        assert_eq!((missing.kind(), missing.to_string()), (Kind::Ended, "the session has ended".to_owned()));
        session.get::<Count>().await.unwrap();
    };
    let router = Router::new().route("/", any(kinds)).layer(cloakroom::SessionLayer::new(app.sessions));
    Browser::new(&router).get("/").await.ok();
}

/// The retry's failure does not reveal whether the first attempt succeeded.
#[tokio::test]
async fn the_outcome_stays_unknown_if_the_retry_after_a_lost_reply_fails() {
    async fn count(session: Session) -> String {
        let outcome = session.update(|count: &mut Count| count.0 += 1).await;
        outcome.map_or_else(|error| format!("{:?}", error.kind()), |()| "done".to_owned())
    }
    let deployment = Deployment::shared();
    for second_error in [StoreErrorKind::Unavailable, StoreErrorKind::Refused] {
        let (store, _) = deployment.faulty_node();
        let builder = crate::support::recorded().clock(deployment.clock.clone()).store(store.clone());
        let node = Node::with_routes(builder, Router::new().route("/count", any(count)));
        let mut browser = Browser::new(&node.app);
        assert_eq!(browser.post("/count").await.ok().body, "done");
        store.lose_reply_next(Verb::Commit);
        store.fail_next(Verb::Commit, second_error);
        assert_eq!(browser.post("/count").await.ok().body, format!("{:?}", Kind::OutcomeUnknown), "{second_error:?}");
        store.reset();
        assert_eq!(browser.post("/count").await.ok().body, "done");
    }
}
