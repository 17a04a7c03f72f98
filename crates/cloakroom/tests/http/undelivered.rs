//! R07, R09: a new token that no response carries, because the handler panicked or its client hung up.

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::{EndReason, EventKind, Session, SessionError};
use cloakroom_testkit::Verb;

use crate::support::{Browser, Deployment, HandlerGate, Node, perform};

/// How a request ends without a response.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    Panic,
    HangUp,
}

const MISHAPS: [Mishap; 2] = [Mishap::Panic, Mishap::HangUp];

/// `/then-fail/{verb}` does what the verb says, pauses, and panics when it goes on.
fn routes(gate: &HandlerGate) -> Router {
    let paused = gate.clone();
    let fail = async move |session: Session, Path(verb): Path<String>| -> Result<(), SessionError> {
        perform(&session, &verb).await?;
        paused.pause().await;
        panic!("a handler that panics on purpose")
    };
    gate.routes().route("/then-fail/{verb}", any(fail))
}

/// Lets the request of this client do its work, and never answers it.
async fn without_answer(gate: &HandlerGate, client: &Browser, verb: &str, mishap: Mishap) {
    let (mut client, path) = (client.clone(), format!("/then-fail/{verb}"));
    let request = tokio::spawn(async move { client.post(&path).await });
    gate.arrival().await;
    match mishap {
        Mishap::Panic => gate.release(),
        Mishap::HangUp => request.abort(),
    }
    let error = request.await.unwrap_err();
    assert_eq!(error.is_panic(), matches!(mishap, Mishap::Panic));
}

#[tokio::test]
async fn a_login_whose_token_reaches_nobody_leaves_no_session_behind() {
    for deployment in Deployment::both() {
        for mishap in MISHAPS {
            for verb in ["login", "rotate"] {
                let gate = HandlerGate::new();
                let node = Node::with_routes(deployment.builder(), routes(&gate));
                let mut browser = Browser::new(&node.app);
                browser.post("/login/somebody").await.ok();
                let mut events = node.sessions.events();
                without_answer(&gate, &browser, verb, mishap).await;
                node.sessions.run_pending_tasks().await;
                assert_eq!(deployment.population(&node), 0, "{verb} {mishap:?}");
                assert!(node.sessions.of("somebody").list().await.unwrap().is_empty(), "{verb} {mishap:?}");
                let last = std::iter::from_fn(|| events.try_recv()).last().unwrap().kind;
                assert_eq!(last, EventKind::Ended(EndReason::Undelivered));
                assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
                browser.post("/login/somebody").await.ok();
                assert_eq!(browser.get("/whoami").await.ok().body, "somebody", "it can log in again");
                browser.post("/do/destroy").await.ok();
            }
        }
    }
}

#[tokio::test]
async fn a_session_whose_token_reaches_nobody_is_not_left_behind() {
    for deployment in Deployment::both() {
        for mishap in MISHAPS {
            for verb in ["set", "update", "load", "login"] {
                let gate = HandlerGate::new();
                let node = Node::with_routes(deployment.builder(), routes(&gate));
                without_answer(&gate, &Browser::new(&node.app), verb, mishap).await;
                node.sessions.run_pending_tasks().await;
                assert_eq!(deployment.population(&node), 0, "{verb} {mishap:?}");
            }
        }
    }
}

#[tokio::test]
async fn r09_a_renewal_whose_token_reaches_nobody_leaves_the_client_its_old_one() {
    for deployment in Deployment::both() {
        for mishap in MISHAPS {
            let gate = HandlerGate::new();
            let node = Node::with_routes(deployment.builder(), routes(&gate));
            let mut browser = Browser::new(&node.app);
            browser.post("/note/mine").await.ok();
            without_answer(&gate, &browser, "renew", mishap).await;
            node.sessions.run_pending_tasks().await;
            deployment.clock.advance(crate::support::minutes(2));
            assert_eq!(browser.get("/note").await.ok().body, "mine", "{mishap:?}: long after the grace");
            let old = browser.ticket();
            browser.post("/do/renew").await.ok();
            assert_ne!(browser.ticket(), old, "it is renewed as if nothing had happened");
        }
    }
}

#[tokio::test]
async fn writes_before_a_panic_stay() {
    for deployment in Deployment::both() {
        for mishap in MISHAPS {
            let gate = HandlerGate::new();
            let node = Node::with_routes(deployment.builder(), routes(&gate));
            let mut browser = Browser::new(&node.app);
            browser.post("/count").await.ok();
            without_answer(&gate, &browser, "set", mishap).await;
            node.sessions.run_pending_tasks().await;
            assert_eq!(browser.get("/note").await.ok().body, "set", "{mishap:?}");
        }
    }
}

/// The request is given up while the store works on the login.
#[tokio::test]
async fn a_login_that_is_cancelled_on_its_way_to_the_store_leaves_no_session_behind() {
    for acts in [true, false] {
        let deployment = Deployment::shared();
        let (store, node) = deployment.faulty_node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let gate = store.delay_next(Verb::Commit);
        let mut client = browser.clone();
        let login = tokio::spawn(async move { client.post("/login/alice").await });
        if acts {
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
        assert_eq!(browser.get("/note").await.ok().body, if acts { "nothing" } else { "mine" });
        assert_eq!(deployment.population(&other), usize::from(!acts));
    }
}
