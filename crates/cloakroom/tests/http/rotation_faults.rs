//! R11: an interrupted rotation leaves at most one live token, and no partial state.

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
        let old = browser.bare_token();
        assert_eq!(browser.post("/then-fail").await.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_ne!(browser.bare_token(), old);
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
        // The client never received the new token, and its old token is in its grace.
        assert_eq!(browser.get("/note").await.ok().body, "mine");
        browser.post("/login/alice").await.ok();
        assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        assert_eq!(deployment.session_count(&node), 1);
    }
}

/// Returns whether the old and the new token work after a rotation that may have failed.
async fn outcome(deployment: &Deployment, old: &str, browser: &Browser) -> (bool, bool) {
    let fresh = deployment.node();
    let works = async |bare_token: String| {
        Browser::holding(&fresh.app, bare_token).get("/do/created-at").await.ok().body == "true"
    };
    let new = browser.bare_token();
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
    browser.sync_hint().await;
    let old = browser.bare_token();
    // A node without a copy, so that the load is one of the calls that may fail.
    let empty_node = Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(store.clone()));
    let mut browser = browser.at(if verb == Verb::Load { &empty_node.app } else { &node.app });
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
                assert_eq!(alive, (true, false), "{path} {verb:?} {kind:?}: nothing has changed");
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
        // If the retry's reply is lost as well, the outcome is unknown, and the client gets an
        // error. There are never two live tokens.
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
                browser.sync_hint().await;
            }
            store.fail_next(verb, StoreErrorKind::Unavailable);
            let reply = browser.post("/login/alice").await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
            assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
            assert!(node.sessions.of("alice").list().await.unwrap().is_empty());
        }
    }
    assert_eq!(deployment.store.unwrap().len(), 2, "only the two sessions with a note remain");
}

#[tokio::test]
async fn r11_a_request_that_is_dropped_in_a_rotation_leaves_one_live_token_at_most() {
    for path in ["/login/alice", "/do/renew"] {
        for executes in [false, true] {
            let deployment = Deployment::shared();
            let (store, node) = deployment.faulty_node();
            let mut browser = Browser::new(&node.app);
            browser.post("/note/mine").await.ok();
            let old = browser.bare_token();
            let gate = store.delay_next(Verb::Commit);
            let mut tab = browser.clone();
            let rotation = tokio::spawn(async move { tab.post(path).await });
            assert!(gate.arrived().await);
            if executes {
                assert!(gate.let_act().await);
            }
            rotation.abort();
            assert!(rotation.await.unwrap_err().is_cancelled());
            gate.open();
            node.sessions.run_pending_tasks().await;
            deployment.clock.advance(secs(11));
            let (old_works, _) = outcome(&deployment, &old, &browser).await;
            // A renewal is undone. After a login no client has the session's token, so the session
            // ends.
            let survives = !executes || path == "/do/renew";
            assert_eq!(old_works, survives, "{path}");
            // The interrupted node agrees with the store.
            assert_eq!(browser.get("/do/created-at").await.ok().body, survives.to_string(), "{path}");
            assert_eq!(deployment.store.unwrap().len(), usize::from(survives));
        }
    }
}
