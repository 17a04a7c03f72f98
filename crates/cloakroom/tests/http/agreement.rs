//! All reads of a session within one request agree: an existing session never turns into an empty
//! one.

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::store::StoreErrorKind;
use cloakroom::{OnStoreError, Session, SessionError, SessionLayer};
use http::StatusCode;

use crate::support::{Browser, Deployment, HandlerGate, Node, Note, VERBS, perform, routes};

/// The verbs that read, by every extractor and accessor.
const READING_VERBS: [&str; 12] = [
    "get",
    "load",
    "find",
    "exists",
    "principal",
    "authenticated-within",
    "authenticated-at",
    "created-at",
    "expires-at",
    "public-id",
    "extract",
    "extract-option",
];

/// Events between a request's first and second use of its session.
const ENDINGS: [&str; 4] = ["logout", "login", "revocation", "another node's logout"];

async fn end_session(ending: &str, browser: &Browser, [first, second]: &[Node; 2]) {
    let mut other_node = browser.at(&second.app);
    match ending {
        "logout" => drop(browser.at(&first.app).post("/do/destroy").await.ok()),
        "login" => drop(other_node.post("/login/bob").await.ok()),
        "revocation" => drop(second.sessions.of("alice").revoke_all().await.unwrap()),
        _ => drop(other_node.post("/do/destroy").await.ok()),
    }
}

/// A request that reads its session, waits while `ending` happens, and then performs `verb`.
async fn request_around(deployment: &Deployment, ending: &str, verb: &str) -> crate::support::Reply {
    let gate = HandlerGate::new();
    let first = Node::with_routes(deployment.builder(), gate.routes());
    let second = if deployment.store.is_some() { deployment.node() } else { first.clone() };
    let mut browser = Browser::new(&first.app);
    browser.post("/login/alice").await.ok();
    browser.post("/note/mine").await.ok();
    let (mut slow, path) = (browser.clone(), format!("/paused/{verb}"));
    let slow = tokio::spawn(async move { slow.post(&path).await });
    gate.wait_until_paused().await;
    end_session(ending, &browser, &[first, second]).await;
    gate.release();
    slow.await.unwrap()
}

#[tokio::test]
async fn a_read_fails_like_a_write_if_the_session_ended_during_the_request() {
    for deployment in Deployment::both() {
        for ending in ENDINGS {
            for verb in
                READING_VERBS.iter().chain(&["update", "set", "remove", "invalidate", "remember", "renew", "rotate"])
            {
                let reply = request_around(&deployment, ending, verb).await;
                assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{verb} after {ending}: {}", reply.body);
                assert_eq!(reply.set_cookie(), None, "{verb} after {ending}");
            }
        }
    }
}

#[tokio::test]
async fn a_logout_succeeds_only_if_the_session_is_really_over() {
    for deployment in Deployment::both() {
        for ending in ENDINGS {
            let reply = request_around(&deployment, ending, "destroy").await;
            // If a login replaced the token, the session still exists.
            let expected = if ending == "login" { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
            assert_eq!((reply.status, reply.set_cookie()), (expected, None), "{ending}");
        }
    }
}

#[tokio::test]
async fn after_its_own_logout_a_request_acts_like_an_anonymous_one() {
    let destroy_then = async |session: Session, Path(verb): Path<String>| -> Result<String, SessionError> {
        session.get::<Note>().await?;
        session.destroy().await?;
        perform(&session, &verb).await
    };
    let app = || -> Router { routes().route("/destroy-then/{verb}", any(destroy_then)) };
    for deployment in Deployment::both() {
        let node = Node::with_routes(deployment.builder(), app());
        for verb in VERBS {
            let mut browser = Browser::new(&node.app);
            browser.post("/login/alice").await.ok();
            let mut anonymous = Browser::new(&node.app);
            let expected = anonymous.post(&format!("/do/{verb}")).await;
            let reply = browser.post(&format!("/destroy-then/{verb}")).await;
            let outcome = match verb {
                // It reports the request's token, which an anonymous client does not have.
                "has-token" => (reply.status, expected.body.clone()),
                "extract" => (reply.status, expected.body.clone()),
                _ => (reply.status, reply.body.clone()),
            };
            assert_eq!(outcome, (expected.status, expected.body), "{verb}");
        }
    }
}

#[tokio::test]
async fn a_session_read_once_is_never_read_as_absent_when_the_store_fails() {
    for verb in READING_VERBS {
        let deployment = Deployment::shared();
        let gate = HandlerGate::new();
        let (store, node) = deployment.faulty_node();
        let layer = SessionLayer::new(node.sessions.clone()).on_store_error(OnStoreError::Anonymous);
        let app = gate.routes().layer(layer);
        let mut browser = Browser::new(&app);
        browser.post("/login/alice").await.ok();
        browser.post("/note/mine").await.ok();
        let mut slow = browser.clone();
        let path = format!("/paused/{verb}");
        let slow = tokio::spawn(async move { slow.post(&path).await });
        gate.wait_until_paused().await;
        store.inner().disconnect();
        store.fail_all(StoreErrorKind::Unavailable);
        gate.release();
        let reply = slow.await.unwrap();
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{verb}: {}", reply.body);
    }
}

#[tokio::test]
async fn a_session_read_as_absent_stays_absent_when_the_store_recovers() {
    // A check for a recent login asks the store, whatever the layer's setting.
    for verb in READING_VERBS.into_iter().filter(|verb| *verb != "authenticated-within") {
        let deployment = Deployment::shared();
        let gate = HandlerGate::new();
        let (store, node) = deployment.faulty_node();
        let layer = SessionLayer::new(node.sessions.clone()).on_store_error(OnStoreError::Anonymous);
        let app = gate.routes().layer(layer);
        let mut browser = Browser::new(&app);
        browser.post("/login/alice").await.ok();
        browser.post("/note/mine").await.ok();
        let expected = Browser::new(&app).post(&format!("/do/{verb}")).await.ok().body;
        store.inner().disconnect();
        store.fail_all(StoreErrorKind::Unavailable);
        let mut slow = browser.clone();
        let path = format!("/paused/{verb}");
        let slow = tokio::spawn(async move { slow.post(&path).await });
        gate.wait_until_paused().await;
        store.reset();
        store.inner().reconnect();
        gate.release();
        let body = slow.await.unwrap().ok().body;
        // `/do/extract` returns a length, `/paused/extract` whether there is a note.
        let expected = if verb == "extract" { "false".to_owned() } else { expected };
        assert_eq!(body, expected, "{verb}");
        assert_eq!(browser.get("/note").await.ok().body, "mine");
    }
}
