//! R07, R09: a new token that no response delivers, because the handler panicked or its client
//! disconnected.

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::store::StoreErrorKind;
use cloakroom::{EndReason, EventKind, Session, SessionError};
use cloakroom_testkit::{CallGate, FaultyStore, Verb};

use crate::support::{Browser, Deployment, HandlerGate, Node, perform, recorded, secs};

/// The reason why a request gets no response.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Panic,
    Disconnect,
}

const FAILURES: [Failure; 2] = [Failure::Panic, Failure::Disconnect];

/// `/then-fail/{verb}` performs the verb, pauses, and panics when it continues.
fn routes(gate: &HandlerGate) -> Router {
    let paused = gate.clone();
    let fail = async move |session: Session, Path(verb): Path<String>| -> Result<(), SessionError> {
        perform(&session, &verb).await?;
        paused.pause().await;
        panic!("a handler that panics on purpose")
    };
    gate.routes().route("/then-fail/{verb}", any(fail))
}

/// Sends a request that does its work but gets no response.
async fn request_without_response(gate: &HandlerGate, client: &Browser, verb: &str, failure: Failure) {
    let (mut client, path) = (client.clone(), format!("/then-fail/{verb}"));
    let request = tokio::spawn(async move { client.post(&path).await });
    gate.wait_until_paused().await;
    match failure {
        Failure::Panic => gate.release(),
        Failure::Disconnect => request.abort(),
    }
    let error = request.await.unwrap_err();
    assert_eq!(error.is_panic(), matches!(failure, Failure::Panic));
}

#[tokio::test]
async fn a_login_whose_token_is_not_delivered_leaves_no_session_behind() {
    for deployment in Deployment::both() {
        for failure in FAILURES {
            for verb in ["login", "rotate"] {
                let gate = HandlerGate::new();
                let node = Node::with_routes(deployment.builder(), routes(&gate));
                let mut browser = Browser::new(&node.app);
                browser.post("/login/dave").await.ok();
                let mut events = node.sessions.events();
                request_without_response(&gate, &browser, verb, failure).await;
                node.sessions.run_pending_tasks().await;
                assert_eq!(deployment.session_count(&node), 0, "{verb} {failure:?}");
                assert!(node.sessions.of("dave").list().await.unwrap().is_empty(), "{verb} {failure:?}");
                let last = std::iter::from_fn(|| events.try_recv()).last().unwrap().kind;
                assert_eq!(last, EventKind::Ended(EndReason::Undelivered));
                assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
                browser.post("/login/dave").await.ok();
                assert_eq!(browser.get("/whoami").await.ok().body, "dave", "the client can log in again");
                browser.post("/do/destroy").await.ok();
            }
        }
    }
}

/// A store that hangs costs a deadline per call, so a round must not make its calls one by one.
#[tokio::test]
async fn undelivered_tokens_are_undone_side_by_side() {
    let deployment = Deployment::shared();
    let store = FaultyStore::new(deployment.store.as_ref().unwrap().node());
    let handler_gate = HandlerGate::new();
    let builder = recorded().clock(deployment.clock.clone()).store(store.clone());
    let node = Node::with_routes(builder, routes(&handler_gate));
    let mut requests = Vec::new();
    for user in ["alice", "bob"] {
        let mut browser = Browser::new(&node.app);
        browser.post(&format!("/login/{user}")).await.ok();
        requests.push(tokio::spawn(async move { browser.post("/then-fail/rotate").await }));
        handler_gate.wait_until_paused().await;
    }
    store.fail_all(StoreErrorKind::Unavailable);
    for request in requests {
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }
    node.sessions.run_pending_tasks().await;
    store.reset();
    let gates = [store.delay_next(Verb::Destroy), store.delay_next(Verb::Destroy)];
    let sessions = node.sessions.clone();
    let round = tokio::spawn(async move { sessions.run_pending_tasks().await });
    for gate in &gates {
        let arrived = tokio::time::timeout(secs(10), gate.arrived()).await;
        assert_eq!(arrived, Ok(true), "both calls are under way before either has returned");
    }
    gates.into_iter().for_each(CallGate::open);
    round.await.unwrap();
    node.sessions.run_pending_tasks().await;
    assert_eq!(deployment.session_count(&node), 0);
}

#[tokio::test]
async fn a_new_session_whose_token_is_not_delivered_is_ended() {
    for deployment in Deployment::both() {
        for failure in FAILURES {
            for verb in ["set", "update", "load", "login"] {
                let gate = HandlerGate::new();
                let node = Node::with_routes(deployment.builder(), routes(&gate));
                request_without_response(&gate, &Browser::new(&node.app), verb, failure).await;
                node.sessions.run_pending_tasks().await;
                assert_eq!(deployment.session_count(&node), 0, "{verb} {failure:?}");
            }
        }
    }
}

#[tokio::test]
async fn r09_a_renewal_whose_token_reaches_nobody_leaves_the_client_its_old_one() {
    for deployment in Deployment::both() {
        for failure in FAILURES {
            let gate = HandlerGate::new();
            let node = Node::with_routes(deployment.builder(), routes(&gate));
            let mut browser = Browser::new(&node.app);
            browser.post("/note/mine").await.ok();
            request_without_response(&gate, &browser, "renew", failure).await;
            node.sessions.run_pending_tasks().await;
            deployment.clock.advance(crate::support::minutes(2));
            assert_eq!(
                browser.get("/note").await.ok().body,
                "mine",
                "{failure:?}: the old token works long after the grace"
            );
            let old = browser.bare_token();
            browser.post("/do/renew").await.ok();
            assert_ne!(browser.bare_token(), old, "a later renewal works");
        }
    }
}

#[tokio::test]
async fn writes_before_a_failed_response_stay() {
    for deployment in Deployment::both() {
        for failure in FAILURES {
            let gate = HandlerGate::new();
            let node = Node::with_routes(deployment.builder(), routes(&gate));
            let mut browser = Browser::new(&node.app);
            browser.post("/count").await.ok();
            request_without_response(&gate, &browser, "set", failure).await;
            node.sessions.run_pending_tasks().await;
            assert_eq!(browser.get("/note").await.ok().body, "set", "{failure:?}");
        }
    }
}

/// The request is dropped while the store commits the login.
#[tokio::test]
async fn a_login_cancelled_during_its_commit_leaves_no_session_behind() {
    for executes in [true, false] {
        let deployment = Deployment::shared();
        let (store, node) = deployment.faulty_node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let gate = store.delay_next(Verb::Commit);
        let mut client = browser.clone();
        let login = tokio::spawn(async move { client.post("/login/alice").await });
        if executes {
            assert!(gate.let_act().await);
        } else {
            assert!(gate.arrived().await);
        }
        login.abort();
        assert!(login.await.unwrap_err().is_cancelled());
        node.sessions.run_pending_tasks().await;
        let other = deployment.node();
        assert!(other.sessions.of("alice").list().await.unwrap().is_empty());
        let mut browser = browser.at(&other.app);
        assert_eq!(browser.get("/note").await.ok().body, if executes { "nothing" } else { "mine" });
        assert_eq!(deployment.session_count(&other), usize::from(!executes));
    }
}
