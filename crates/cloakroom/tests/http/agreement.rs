//! What a request reads of its session agrees with what it read before: never an empty session in place of a full one.

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::store::StoreErrorKind;
use cloakroom::{OnStoreError, Session, SessionError, SessionLayer};
use http::StatusCode;

use crate::support::{Browser, Deployment, HandlerGate, Node, Note, VERBS, perform, routes};

/// Reads by every extractor and every question.
const READING: [&str; 12] = [
    "get",
    "load",
    "find",
    "exists",
    "principal",
    "authenticated-within",
    "authenticated-at",
    "created-at",
    "expires-at",
    "handle",
    "extract",
    "extract-option",
];

/// What comes between the first look at a session and the second.
const ENDINGS: [&str; 4] = ["logout", "login", "revocation", "another node's logout"];

async fn end(ending: &str, browser: &Browser, [here, there]: &[Node; 2]) {
    let mut elsewhere = browser.at(&there.app);
    match ending {
        "logout" => drop(browser.at(&here.app).post("/do/destroy").await.ok()),
        "login" => drop(elsewhere.post("/login/bob").await.ok()),
        "revocation" => drop(there.sessions.of("alice").revoke_all().await.unwrap()),
        _ => drop(elsewhere.post("/do/destroy").await.ok()),
    }
}

/// A request that looks at its session, after which that ends, and which then does what `verb` says.
async fn overtaken(deployment: &Deployment, ending: &str, verb: &str) -> crate::support::Reply {
    let gate = HandlerGate::new();
    let first = Node::with_routes(deployment.builder(), gate.routes());
    let second = if deployment.store.is_some() { deployment.node() } else { first.clone() };
    let mut browser = Browser::new(&first.app);
    browser.post("/login/alice").await.ok();
    browser.post("/note/mine").await.ok();
    let (mut slow, path) = (browser.clone(), format!("/paused/{verb}"));
    let slow = tokio::spawn(async move { slow.post(&path).await });
    gate.arrival().await;
    end(ending, &browser, &[first, second]).await;
    gate.release();
    slow.await.unwrap()
}

#[tokio::test]
async fn a_read_after_the_session_ended_within_the_request_says_so_as_a_write_does() {
    for deployment in Deployment::both() {
        for ending in ENDINGS {
            for verb in READING.iter().chain(&["update", "set", "remove", "invalidate", "remember", "renew", "rotate"])
            {
                let reply = overtaken(&deployment, ending, verb).await;
                assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{verb} after {ending}: {}", reply.body);
                assert_eq!(reply.set_cookie(), None, "{verb} after {ending}");
            }
        }
    }
}

#[tokio::test]
async fn a_logout_says_that_the_session_is_over_only_where_it_is() {
    for deployment in Deployment::both() {
        for ending in ENDINGS {
            let reply = overtaken(&deployment, ending, "destroy").await;
            // Under a token that a login replaced, the session lives on.
            let expected = if ending == "login" { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
            assert_eq!((reply.status, reply.set_cookie()), (expected, None), "{ending}");
        }
    }
}

#[tokio::test]
async fn what_a_request_does_after_its_own_logout_is_what_a_stranger_does() {
    let then = async |session: Session, Path(verb): Path<String>| -> Result<String, SessionError> {
        session.get::<Note>().await?;
        session.destroy().await?;
        perform(&session, &verb).await
    };
    let app = || -> Router { routes().route("/out-then/{verb}", any(then)) };
    for deployment in Deployment::both() {
        let node = Node::with_routes(deployment.builder(), app());
        for verb in VERBS {
            let mut browser = Browser::new(&node.app);
            browser.post("/login/alice").await.ok();
            let mut stranger = Browser::new(&node.app);
            let expected = stranger.post(&format!("/do/{verb}")).await;
            let reply = browser.post(&format!("/out-then/{verb}")).await;
            let came_to = match verb {
                // Says what the request came with.
                "came-with-token" => (reply.status, expected.body.clone()),
                "extract" => (reply.status, expected.body.clone()),
                _ => (reply.status, reply.body.clone()),
            };
            assert_eq!(came_to, (expected.status, expected.body), "{verb}");
        }
    }
}

#[tokio::test]
async fn a_session_that_was_shown_is_never_read_as_absent_when_the_store_goes_away() {
    for verb in READING {
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
        gate.arrival().await;
        store.inner().disconnect();
        store.fail_all(StoreErrorKind::Unavailable);
        gate.release();
        let reply = slow.await.unwrap();
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{verb}: {}", reply.body);
    }
}

#[tokio::test]
async fn a_request_that_was_read_as_absent_stays_so_when_the_store_comes_back() {
    // What demands a recent login asks the store whatever the layer says.
    for verb in READING.into_iter().filter(|verb| *verb != "authenticated-within") {
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
        gate.arrival().await;
        store.reset();
        store.inner().reconnect();
        gate.release();
        let body = slow.await.unwrap().ok().body;
        // `/do/extract` answers with a length, `/paused/extract` with whether there is one.
        let expected = if verb == "extract" { "false".to_owned() } else { expected };
        assert_eq!(body, expected, "{verb}");
        assert_eq!(browser.get("/note").await.ok().body, "mine");
    }
}
