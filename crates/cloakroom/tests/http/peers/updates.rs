//! Updates that are lost or that have other effects than they seem to.

use axum::Router;
use axum::routing::post;
use cloakroom::{Session, SessionErrorKind, SessionValue};
use cloakroom_testkit::{SpyStore, Verb};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::support::{Browser, Count, Deployment, HandlerGate, Node, Note};

/// Another type under the key of [`Note`].
#[derive(Clone, Serialize, Deserialize)]
struct NoteAsNumber(u8);

impl SessionValue for NoteAsNumber {
    const KEY: &'static str = Note::KEY;
}

/// A value that JSON cannot hold.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Unencodable(std::collections::BTreeMap<Vec<u8>, u8>);

impl SessionValue for Unencodable {
    const KEY: &'static str = "unencodable";
}

#[tokio::test]
async fn t01_concurrent_writes_of_different_values_are_both_kept() {
    for deployment in Deployment::local_and_skewed() {
        let gate = HandlerGate::new();
        let node = Node::with_routes(deployment.builder(), gate.routes());
        let mut browser = Browser::new(&node.app);
        browser.post("/kept/before").await.ok();
        let mut tab = browser.clone();
        let request = tokio::spawn(async move { tab.post("/paused/set").await });
        gate.wait_until_paused().await;
        browser.at(&deployment.nodes()[1].app).post("/kept/after").await;
        browser.post("/count").await.ok();
        gate.release();
        request.await.unwrap().ok();
        assert_eq!(browser.get("/note").await.body, "set");
        assert_eq!(browser.get("/count").await.body, "1");
    }
}

#[tokio::test]
async fn t05_a_value_written_before_a_logout_in_one_handler_is_not_stored() {
    for deployment in Deployment::both() {
        let set_and_destroy = post(|session: Session| async move {
            session.set(Note("gone".into())).await?;
            session.destroy().await
        });
        let node = Node::with_routes(deployment.builder(), Router::new().route("/set-and-destroy", set_and_destroy));
        Browser::new(&node.app).post("/set-and-destroy").await.ok();
        assert_eq!(deployment.session_count(&node), 0);
    }
}

#[tokio::test]
async fn t11_one_change_is_one_call_to_the_store() {
    let deployment = Deployment::shared();
    let spy = SpyStore::new(deployment.store.as_ref().unwrap().node());
    let node = Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(spy.clone()));
    let mut browser = Browser::new(&node.app);
    browser.post("/count").await.ok();
    assert_eq!(spy.take_calls().len(), 1, "a first write is one call");
    browser.post("/count").await.ok();
    assert_eq!((spy.count(Verb::Commit), spy.calls().len()), (1, 1), "a change of a session in memory is one call");
    spy.take_calls();
    browser.get("/count").await.ok();
    browser.get("/untouched").await.ok();
    assert_eq!(spy.calls(), [], "a read from memory makes no call");
}

#[tokio::test]
async fn t12_removing_a_missing_value_or_reading_another_type_writes_nothing() {
    let deployment = Deployment::shared();
    let spy = SpyStore::new(deployment.store.as_ref().unwrap().node());
    let mistaken = post(|session: Session| async move {
        let error = session.get::<NoteAsNumber>().await.err().map(|error| error.kind());
        assert_eq!(error, Some(SessionErrorKind::Decode));
    });
    let routes = crate::support::routes().route("/mistaken", mistaken);
    let node = Node::with_routes(crate::support::recorded().clock(deployment.clock.clone()).store(spy.clone()), routes);
    let mut browser = Browser::new(&node.app);
    browser.post("/kept/something").await.ok();
    spy.take_calls();
    assert_eq!(browser.post("/do/remove").await.ok().body, "false");
    assert_eq!(spy.calls(), []);
    browser.post("/note/a-text").await.ok();
    browser.post("/mistaken").await.ok();
    assert_eq!(browser.get("/note").await.body, "a-text");
}

#[tokio::test]
async fn a13_a_value_that_does_not_encode_is_an_error_and_changes_nothing() {
    for deployment in Deployment::both() {
        let broken = post(|session: Session| async move {
            let mut value = Unencodable::default();
            value.0.insert(vec![1], 1);
            let error = session.set(value).await.err().map(|error| error.kind());
            assert_eq!(error, Some(SessionErrorKind::Encode));
            assert!(session.get::<Unencodable>().await.unwrap().is_none());
        });
        let node = Node::with_routes(deployment.builder(), crate::support::routes().route("/broken", broken));
        let mut browser = Browser::new(&node.app);
        browser.post("/note/safe").await.ok();
        browser.post("/broken").await.ok();
        assert_eq!(browser.get("/note").await.body, "safe");
    }
}

#[tokio::test]
async fn r14_text_is_never_read_as_a_number() {
    let session = post(|session: Session| async move {
        session.set(Note("hello".into())).await.unwrap();
        session.get::<NoteAsNumber>().await.is_err().to_string()
    });
    let node = Node::with_routes(Deployment::local().builder(), Router::new().route("/", session));
    assert_eq!(Browser::new(&node.app).post("/").await.ok().body, "true");
}

#[tokio::test]
async fn s1_an_update_of_an_existing_session_is_visible_to_the_next_request() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        for number in 1..=3 {
            assert_eq!(browser.post("/count").await.ok().body, number.to_string());
        }
        assert_eq!(browser.get("/count").await.body, "3");
    }
}

#[tokio::test]
async fn p1_a_removed_value_stays_removed_for_the_next_request() {
    for deployment in Deployment::local_and_skewed() {
        let [first, second] = deployment.nodes();
        let mut browser = Browser::new(&first.app);
        browser.post("/note/here").await.ok();
        assert_eq!(browser.post("/do/remove").await.ok().body, "true");
        assert_eq!(browser.at(&second.app).get("/note").await.body, "nothing");
    }
}

#[tokio::test]
async fn s7_a_committed_write_stays_if_the_handler_fails_later() {
    for deployment in Deployment::both() {
        let failing = post(|session: Session| async move {
            session.update(|count: &mut Count| count.0 += 1).await.unwrap();
            StatusCode::INTERNAL_SERVER_ERROR
        });
        let node = Node::with_routes(deployment.builder(), crate::support::routes().route("/failing", failing));
        let mut browser = Browser::new(&node.app);
        browser.post("/failing").await;
        browser.post("/failing").await;
        assert_eq!(browser.get("/count").await.body, "2");
    }
}

#[tokio::test]
async fn s3_a_write_after_a_logout_in_one_handler_goes_to_a_new_session() {
    for deployment in Deployment::both() {
        let flash = post(|session: Session| async move {
            session.destroy().await?;
            session.set(Note("signed out".into())).await
        });
        let node = Node::with_routes(deployment.builder(), crate::support::routes().route("/flash", flash));
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        let before = browser.bare_token();
        browser.post("/flash").await.ok();
        assert_ne!(browser.bare_token()[..21], before[..21], "the selector of the ended session must not be reused");
        assert_eq!(browser.get("/note").await.body, "signed out");
        assert_eq!(browser.get("/whoami").await.body, "nobody");
    }
}

#[tokio::test]
async fn p7_a_write_to_an_ended_session_fails_without_failing_the_response() {
    let gate = HandlerGate::new();
    let pausing = gate.clone();
    let ignore_error = post(async move |session: Session| {
        session.get::<Note>().await.unwrap();
        pausing.pause().await;
        let error = session.set(Note("late".into())).await.err().map(|error| error.kind());
        assert_eq!(error, Some(SessionErrorKind::Ended));
        "a normal response"
    });
    let node = Node::with_routes(Deployment::local().builder(), gate.routes().route("/ignore-error", ignore_error));
    let mut browser = Browser::new(&node.app);
    browser.post("/note/first").await.ok();
    let mut tab = browser.clone();
    let request = tokio::spawn(async move { tab.post("/ignore-error").await });
    gate.wait_until_paused().await;
    browser.post("/do/destroy").await.ok();
    gate.release();
    assert_eq!(request.await.unwrap().ok().body, "a normal response");
}
