//! R11: a rotation that is interrupted leaves one live token at most, and no half of anything.

use axum::Router;
use axum::routing::any;
use cloakroom::store::StoreErrorKind;
use cloakroom::{Session, SessionError};
use cloakroom_testkit::{FaultyStore, MemoryStore, Verb};
use http::StatusCode;

use crate::support::{Browser, Deployment, Node, routes, secs};

#[tokio::test]
async fn r11_a_rotation_before_an_error_response_still_reaches_the_client() {
    async fn then_fail(session: Session) -> Result<StatusCode, SessionError> {
        session.login("alice").await?;
        Ok(StatusCode::INTERNAL_SERVER_ERROR)
    }
    for deployment in Deployment::both() {
        let node = Node::with_routes(deployment.builder(), routes().route("/then-fail", any(then_fail)));
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let old = browser.ticket();
        assert_eq!(browser.post("/then-fail").await.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_ne!(browser.ticket(), old);
        assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        assert_eq!(Browser::holding(&node.app, old).get("/whoami").await.ok().body, "nobody");
    }
}

#[tokio::test]
async fn r11_a_panic_after_a_rotation_leaves_no_second_live_token() {
    async fn then_panic(session: Session) -> &'static str {
        session.renew().await.unwrap();
        panic!("after the rotation")
    }
    for deployment in Deployment::both() {
        let node = Node::with_routes(
            deployment.builder(),
            Router::new().route("/then-panic", any(then_panic)).merge(routes()),
        );
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let mut tab = browser.clone();
        assert!(tokio::spawn(async move { tab.post("/then-panic").await }).await.is_err());
        // The client never heard of the new token, and its old one has its grace.
        assert_eq!(browser.get("/note").await.ok().body, "mine");
        browser.post("/login/alice").await.ok();
        assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        assert_eq!(deployment.population(&node), 1);
    }
}

/// What a client can do with its tokens after a rotation that may have failed.
async fn outcome(deployment: &Deployment, old: &str, browser: &Browser) -> (bool, bool) {
    let fresh = deployment.node();
    let works =
        async |ticket: String| Browser::holding(&fresh.app, ticket).get("/do/created-at").await.ok().body == "true";
    let new = browser.ticket();
    (works(old.to_owned()).await, new != *old && works(new).await)
}

async fn rotate_with_fault(
    path: &str,
    verb: Verb,
    fault: impl FnOnce(&FaultyStore<MemoryStore>),
) -> (StatusCode, (bool, bool)) {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    browser.settle().await;
    let old = browser.ticket();
    // A node that has no copy yet, so that reading is one of the calls that fail.
    let cold = Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(store.clone()));
    let mut browser = browser.at(if verb == Verb::Load { &cold.app } else { &node.app });
    fault(&store);
    let reply = browser.post(path).await;
    store.reset();
    assert_eq!(reply.set_cookie().is_some(), reply.status == StatusCode::OK, "{path} {verb:?}");
    if path.contains("renew") {
        deployment.clock.advance(secs(11));
    }
    (reply.status, outcome(&deployment, &old, &browser).await)
}

#[tokio::test]
async fn r11_a_store_that_fails_at_any_call_leaves_exactly_one_of_the_old_and_the_new_token() {
    for (path, verbs) in
        [("/login/alice", &[Verb::Load, Verb::AddMember, Verb::Commit][..]), ("/do/renew", &[Verb::Load, Verb::Commit])]
    {
        for verb in verbs {
            for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Refused, StoreErrorKind::Corrupt] {
                let (status, alive) = rotate_with_fault(path, *verb, |store| store.fail_next(*verb, kind)).await;
                assert!(status.is_server_error(), "{path} {verb:?} {kind:?}");
                assert_eq!(alive, (true, false), "{path} {verb:?} {kind:?}: nothing was changed");
            }
            let (status, alive) = rotate_with_fault(path, *verb, |_| {}).await;
            assert_eq!((status, alive), (StatusCode::OK, (false, true)), "{path}");
        }
    }
}

#[tokio::test]
async fn r11_a_lost_reply_to_a_rotation_is_made_up_for() {
    for path in ["/login/alice", "/do/renew"] {
        let (status, alive) = rotate_with_fault(path, Verb::Commit, |store| store.lose_reply_next(Verb::Commit)).await;
        assert_eq!((status, alive), (StatusCode::OK, (false, true)), "{path}");
        // Lost again: nobody knows, and the client is told so. Never are there two tokens.
        let (status, alive) = rotate_with_fault(path, Verb::Commit, |store| {
            store.lose_reply_next(Verb::Commit);
            store.lose_reply_next(Verb::Commit);
        })
        .await;
        assert_eq!((status, alive), (StatusCode::SERVICE_UNAVAILABLE, (false, false)), "{path}");
    }
}

#[tokio::test]
async fn r11_a_login_whose_admission_failed_leaves_nobody_logged_in() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    for verb in [Verb::AddMember, Verb::Commit] {
        for first_session in [true, false] {
            let mut browser = Browser::new(&node.app);
            if !first_session {
                browser.post("/note/mine").await.ok();
                browser.settle().await;
            }
            store.fail_next(verb, StoreErrorKind::Unavailable);
            let reply = browser.post("/login/alice").await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
            assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
            assert!(node.sessions.of("alice").list().await.unwrap().is_empty());
        }
    }
    assert_eq!(deployment.store.unwrap().len(), 2, "the two that wrote a note; the others were taken away again");
}

#[tokio::test]
async fn r11_a_request_that_is_dropped_in_a_rotation_leaves_one_live_token_at_most() {
    for path in ["/login/alice", "/do/renew"] {
        for acts in [false, true] {
            let deployment = Deployment::shared();
            let (store, node) = deployment.faulty_node();
            let mut browser = Browser::new(&node.app);
            browser.post("/note/mine").await.ok();
            let old = browser.ticket();
            let gate = store.delay_next(Verb::Commit);
            let mut tab = browser.clone();
            let rotation = tokio::spawn(async move { tab.post(path).await });
            assert!(gate.arrived().await);
            if acts {
                assert!(gate.let_act().await);
            }
            rotation.abort();
            assert!(rotation.await.unwrap_err().is_cancelled());
            gate.open();
            node.sessions.run_pending_tasks().await;
            deployment.clock.advance(secs(11));
            let (old_works, _) = outcome(&deployment, &old, &browser).await;
            // A renewal is taken back. After a login, nobody has the token of the session, so it ends.
            let lives = !acts || path == "/do/renew";
            assert_eq!(old_works, lives, "{path}");
            // The node that was interrupted knows no more than the store does.
            assert_eq!(browser.get("/do/created-at").await.ok().body, lives.to_string(), "{path}");
            assert_eq!(deployment.store.unwrap().len(), usize::from(lives));
        }
    }
}
