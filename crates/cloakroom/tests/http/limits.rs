//! R33: limits on the size of a session, on writes and on reads.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::store::{Payload, Selector, StoredValue};
use cloakroom::{Session, SessionError, SessionErrorKind, SessionLimits, SessionValue};
use http::StatusCode;

use crate::support::{Browser, Count, Deployment, Node, Note, decode, routes};

/// `/fill/{length}`: a note of this many letters.
fn fill_routes() -> Router {
    let fill = async |session: Session, Path(length): Path<usize>| session.set(Note("x".repeat(length))).await;
    let refill = async |session: Session, Path(length): Path<usize>| {
        session.update::<Note, _>(|note| note.0 = "y".repeat(length)).await
    };
    routes().route("/fill/{length}", any(fill)).route("/refill/{length}", any(refill))
}

fn with_fill(deployment: &Deployment) -> Node {
    Node::with_routes(
        deployment.builder().session_limits(SessionLimits { values: 2, ..SessionLimits::default() }),
        fill_routes(),
    )
}

/// The maximum number of letters in a note: its encoding has two quotes.
const MAX_NOTE_LEN: usize = (64 << 10) - 2;

#[tokio::test]
async fn r33_a_value_of_the_limit_fits_and_one_byte_more_changes_nothing() {
    for deployment in Deployment::both() {
        let node = with_fill(&deployment);
        let mut browser = Browser::new(&node.app);
        let refused = browser.post(&format!("/fill/{}", MAX_NOTE_LEN + 1)).await;
        assert_eq!((refused.status, refused.set_cookie()), (StatusCode::PAYLOAD_TOO_LARGE, None));
        assert_eq!(deployment.session_count(&node), 0);
        browser.post(&format!("/fill/{MAX_NOTE_LEN}")).await.ok();
        for path in ["fill", "refill"] {
            let refused = browser.post(&format!("/{path}/{}", MAX_NOTE_LEN + 1)).await;
            assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        }
        assert_eq!(browser.get("/note").await.ok().body, "x".repeat(MAX_NOTE_LEN));
        // The values share one limit, and the note fills it.
        assert_eq!(browser.post("/count").await.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(browser.get("/count").await.ok().body, "0");
    }
}

#[tokio::test]
async fn r33_one_value_has_a_limit_of_its_own() {
    for deployment in Deployment::both() {
        let node = Node::new(
            deployment.builder().session_limits(SessionLimits { value_bytes: Some(8), ..SessionLimits::default() }),
        );
        let mut browser = Browser::new(&node.app);
        browser.post("/note/123456").await.ok();
        browser.post("/kept/123456").await.ok();
        assert_eq!(browser.post("/note/1234567").await.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(browser.get("/note").await.ok().body, "123456");
    }
}

#[tokio::test]
async fn r33_without_a_limit_of_its_own_a_value_may_take_what_the_session_may() {
    for deployment in Deployment::both() {
        for limit in [1024, 1 << 20] {
            let node = Node::with_routes(
                deployment.builder().session_limits(SessionLimits { bytes: limit, ..SessionLimits::default() }),
                fill_routes(),
            );
            let mut browser = Browser::new(&node.app);
            browser.post(&format!("/fill/{}", limit - 2)).await.ok();
            assert_eq!(browser.post(&format!("/fill/{}", limit - 1)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
        }
    }
}

#[test]
fn r33_limits_that_contradict_each_other_are_refused_and_both_named() {
    let build = |bytes: usize, value_bytes: Option<usize>| {
        let limits = SessionLimits { bytes, value_bytes, ..SessionLimits::default() };
        Deployment::local().builder().session_limits(limits).build()
    };
    for (bytes, value_bytes) in [(1024, 1025), (1024, 64 << 10), (64 << 10, (64 << 10) + 1)] {
        let error = build(bytes, Some(value_bytes)).unwrap_err();
        assert_eq!(error.setting(), "session_limits.value_bytes");
        for named in ["`session_limits.value_bytes`", "`session_limits.bytes`"] {
            assert!(error.to_string().contains(named), "{error}");
        }
    }
    assert_eq!(build(0, None).unwrap_err().setting(), "session_limits.bytes");
    assert_eq!(build(1024, Some(0)).unwrap_err().setting(), "session_limits.value_bytes");
    assert!(build(1024, Some(1024)).is_ok());
}

#[tokio::test]
async fn r33_one_value_more_than_the_limit_changes_nothing() {
    for deployment in Deployment::both() {
        let node = with_fill(&deployment);
        let mut browser = Browser::new(&node.app);
        browser.post("/note/a").await.ok();
        browser.post("/kept/b").await.ok();
        assert_eq!(browser.post("/count").await.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(browser.get("/note").await.ok().body, "a");
        browser.post("/note/c").await.ok();
        browser.post("/do/remove").await.ok();
        browser.post("/count").await.ok();
        assert_eq!(browser.get("/count").await.ok().body, "1", "a removed value no longer counts");
    }
}

#[tokio::test]
async fn r33_a_record_of_ten_megabytes_in_the_store_is_not_taken_in() {
    let deployment = Deployment::shared();
    let node = deployment.node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    let store = deployment.store.clone().unwrap();
    let selector = Selector::from_bytes(decode(&browser.bare_token())[..16].try_into().unwrap());
    let mut record = store.record(selector).unwrap();
    let huge = serde_json::to_vec(&Note("x".repeat(10 << 20))).unwrap();
    record.values = vec![StoredValue::new(Arc::from(Note::KEY), record.version, None, Payload::Present(huge.into()))];
    store.roll_back(selector, record);
    let fresh = deployment.node();
    let reply = browser.at(&fresh.app).get("/do/get").await;
    assert!(reply.status.is_server_error(), "{}: {} bytes in memory", reply.status, fresh.sessions.stats().bytes);
    assert!(fresh.sessions.stats().bytes < 1 << 20);
}

/// Another type under the key of [`Count`].
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct OtherType(String);

impl SessionValue for OtherType {
    const KEY: &'static str = Count::KEY;
}

#[tokio::test]
async fn a_value_that_does_not_decode_is_an_error_and_stays_unchanged() {
    for deployment in Deployment::both() {
        let wrong = async |session: Session| -> Result<String, SessionError> {
            let error = session.get::<OtherType>().await.unwrap_err();
            assert_eq!(error.kind(), SessionErrorKind::Decode);
            Err(session.update::<OtherType, _>(|value| value.0.push('x')).await.unwrap_err())
        };
        let node = Node::with_routes(deployment.builder(), routes().merge(Router::new().route("/wrong", any(wrong))));
        let mut browser = Browser::new(&node.app);
        browser.post("/count").await.ok();
        browser.post("/kept/other").await.ok();
        assert_eq!(browser.get("/wrong").await.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(browser.get("/count").await.ok().body, "1");
    }
}

/// Is smaller in memory than as JSON.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
struct Dense(Vec<u64>);

impl SessionValue for Dense {
    const KEY: &'static str = "dense";

    fn size(&self) -> Option<usize> {
        Some(8 * self.0.len())
    }
}

#[tokio::test]
async fn r33_what_is_longer_as_json_than_in_memory_counts_as_its_encoding_over_a_store() {
    let fill = async |session: Session, Path(count): Path<usize>| {
        session.update::<Dense, _>(|dense| dense.0 = vec![u64::MAX; count]).await
    };
    let deployment = Deployment::shared();
    let node = Node::with_routes(deployment.builder(), routes().route("/dense/{count}", any(fill)));
    let mut browser = Browser::new(&node.app);
    assert_eq!(
        browser.post("/dense/3200").await.status,
        StatusCode::PAYLOAD_TOO_LARGE,
        "the value that creates the session"
    );
    assert_eq!(deployment.session_count(&node), 0);
    browser.post("/note/mine").await.ok();
    assert_eq!(browser.post("/dense/3200").await.status, StatusCode::PAYLOAD_TOO_LARGE, "67 200 bytes");
    browser.post("/dense/3000").await.ok();
    assert_eq!(
        browser.at(&deployment.node().app).get("/note").await.ok().body,
        "mine",
        "other nodes can read the record"
    );
}

#[tokio::test]
async fn r33_a_session_that_does_not_read_is_ended_by_its_holder_all_the_same() {
    let deployment = Deployment::shared();
    let (default_limits, strict) = (
        deployment.node(),
        Node::new(
            deployment.builder().session_limits(SessionLimits { value_bytes: Some(8), ..SessionLimits::default() }),
        ),
    );
    let mut browser = Browser::new(&default_limits.app);
    browser.post("/note/123456789").await.ok();
    let mut strict_browser = browser.at(&strict.app);
    assert_eq!(strict_browser.get("/do/get").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(strict_browser.post("/do/destroy").await.ok().set_cookie().unwrap().contains("Max-Age=0"));
    assert_eq!(deployment.session_count(&default_limits), 0);
    assert_eq!(browser.get("/note").await.ok().body, "nothing");
}
