//! What a layer says to requests while the shared tier cannot be asked.

use axum::Router;
use axum::routing::get;
use cloakroom::store::StoreErrorKind;
use cloakroom::{OnStoreError, Session, SessionError, SessionLayer, SessionSource};
use cloakroom_testkit::{FaultyStore, MemoryStore};
use http::StatusCode;

use crate::support::{Browser, Deployment, Node, Note, minutes, routes, secs};

const PATIENCE: OnStoreError = OnStoreError::ServeStale(minutes(1));

/// Alice is logged in and has a note; her copy is in the memory of one node.
struct Scene {
    deployment: Deployment,
    store: FaultyStore<MemoryStore>,
    node: Node,
    alice: Browser,
}

impl Scene {
    async fn set(answer: OnStoreError) -> Self {
        let deployment = Deployment::shared();
        let (store, node) = deployment.faulty_node();
        let app = routes().layer(SessionLayer::new(node.sessions.clone()).on_store_error(answer));
        let node = Node { app, ..node };
        let mut alice = Browser::new(&node.app);
        alice.post("/login/alice").await.ok();
        alice.post("/note/mine").await.ok();
        assert_eq!(alice.get("/note").await.ok().body, "mine");
        Self { deployment, store, node, alice }
    }

    /// The line to the store breaks, and nothing answers any more.
    fn lose_the_store(&self) {
        self.store.inner().disconnect();
        self.store.fail_all(StoreErrorKind::Unavailable);
    }

    fn find_it_again(&self) {
        self.store.reset();
        self.store.inner().reconnect();
    }
}

#[tokio::test]
async fn r62_nothing_is_changed_while_the_store_is_away_whatever_the_layer_says() {
    for answer in [OnStoreError::Fail, OnStoreError::Anonymous, PATIENCE] {
        let mut scene = Scene::set(answer).await;
        scene.lose_the_store();
        let verbs = ["/note/other", "/count", "/login/bob", "/do/renew", "/do/destroy", "/do/remove", "/do/remember"];
        for verb in verbs {
            let reply = scene.alice.post(verb).await;
            let what = format!("{verb} under {answer:?}");
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{what}");
            assert_eq!(reply.set_cookie(), None, "{what}");
        }
        scene.find_it_again();
        assert_eq!(scene.alice.get("/note").await.ok().body, "mine", "{answer:?}");
        assert_eq!(scene.alice.get("/whoami").await.ok().body, "alice", "{answer:?}");
        assert_eq!(scene.deployment.population(&scene.node), 1, "{answer:?}: no session was started meanwhile");
    }
}

#[tokio::test]
async fn a_write_that_did_not_reach_the_store_costs_nobody_the_copy() {
    for fault in [StoreErrorKind::Unavailable, StoreErrorKind::Refused] {
        let mut scene = Scene::set(OnStoreError::Fail).await;
        // The line is there and vouches for copies; the store does not take anything.
        scene.store.fail_all(fault);
        for _ in 0..2 {
            assert_eq!(scene.alice.post("/note/other").await.status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
            assert_eq!(scene.alice.get("/note").await.ok().body, "mine", "{fault:?}");
        }
        scene.store.reset();
        scene.alice.post("/note/other").await.ok();
        assert_eq!(scene.alice.get("/note").await.ok().body, "other", "{fault:?}");
    }
    let mut scene = Scene::set(OnStoreError::Fail).await;
    scene.store.fail_all(StoreErrorKind::Unknown);
    scene.alice.post("/note/other").await;
    assert_eq!(scene.alice.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE, "this one may have been done");
}

#[tokio::test]
async fn r62_a_read_fails_unless_the_layer_says_otherwise() {
    let mut scene = Scene::set(OnStoreError::default()).await;
    scene.lose_the_store();
    for path in ["/note", "/whoami", "/do/extract-option"] {
        let reply = scene.alice.get(path).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "{path}");
        assert_eq!(reply.header("retry-after").len(), 1, "{path}");
    }
    assert_eq!(scene.alice.get("/untouched").await.ok().body, "untouched");
}

#[tokio::test]
async fn a_reader_may_be_answered_as_if_anonymous() {
    let mut scene = Scene::set(OnStoreError::Anonymous).await;
    scene.lose_the_store();
    for (path, answer) in [("/note", "nothing"), ("/whoami", "nobody")] {
        let reply = scene.alice.get(path).await.ok();
        assert_eq!((reply.body.as_str(), reply.set_cookie()), (answer, None), "{path}");
        assert_eq!(
            reply.header("cache-control"),
            ["private"],
            "what was answered for want of a store is nobody else's"
        );
    }
    scene.find_it_again();
    assert_eq!(scene.alice.get("/whoami").await.ok().body, "alice");
}

#[tokio::test]
async fn a_reader_may_be_answered_from_the_copy_for_a_while() {
    let mut scene = Scene::set(PATIENCE).await;
    scene.deployment.clock.advance(minutes(5));
    scene.lose_the_store();
    for _ in 0..2 {
        assert_eq!(scene.alice.get("/note").await.ok().body, "mine");
        assert_eq!(scene.alice.get("/whoami").await.ok().body, "alice");
        scene.deployment.clock.advance(secs(30));
    }
    assert_eq!(scene.node.sessions.stats().stale_sessions_served, 4);
    assert_eq!(scene.alice.get("/note").await.ok().body, "mine", "after exactly the bound");
    scene.deployment.clock.advance(secs(1));
    assert_eq!(scene.alice.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE, "after more than that");
    scene.find_it_again();
    assert_eq!(scene.alice.get("/note").await.ok().body, "mine");
}

#[tokio::test]
async fn a_copy_that_is_known_to_be_out_of_date_is_not_served() {
    let scene = Scene::set(PATIENCE).await;
    let elsewhere = scene.deployment.node();
    scene.alice.at(&elsewhere.app).post("/note/newer").await.ok();
    scene.lose_the_store();
    let mut alice = scene.alice;
    assert_eq!(alice.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_copy_that_no_store_ever_vouched_for_is_of_unknown_age_and_not_served() {
    let mut scene = Scene::set(PATIENCE).await;
    scene.store.inner().disconnect();
    scene.alice.post("/note/read-without-a-lease").await.ok();
    scene.store.fail_all(StoreErrorKind::Unavailable);
    assert_eq!(scene.alice.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn r62_nobody_else_is_served_a_copy() {
    let scene = Scene::set(PATIENCE).await;
    scene.lose_the_store();
    let mut thief = scene.alice.ticket().into_bytes();
    thief[30] = if thief[30] == b'A' { b'B' } else { b'A' };
    let mut thief = Browser::holding(&scene.node.app, String::from_utf8(thief).unwrap());
    assert_eq!(thief.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_copy_whose_time_is_over_is_not_served() {
    let mut scene = Scene::set(OnStoreError::ServeStale(minutes(600))).await;
    scene.lose_the_store();
    scene.deployment.clock.advance(minutes(31));
    assert_eq!(scene.alice.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

async fn who_answered(session: Session) -> Result<String, SessionError> {
    let before = session.source();
    session.get::<Note>().await?;
    Ok(format!("{before:?} {:?}", session.source()))
}

#[tokio::test]
async fn a_request_knows_which_tier_answered_it() {
    let scene = Scene::set(OnStoreError::Fail).await;
    let node = Node::with_routes(scene.deployment.builder(), Router::new().route("/", get(who_answered)));
    let mut alice = scene.alice.at(&node.app);
    for by in [SessionSource::Store, SessionSource::Memory] {
        assert_eq!(alice.get("/").await.ok().body, format!("None {:?}", Some(by)));
    }
    assert_eq!(Browser::new(&node.app).get("/").await.ok().body, "None None");
}

#[tokio::test]
async fn a_refresh_that_nobody_answers_leaves_the_copy_for_those_who_may_read_a_stale_one() {
    let mut scene = Scene::set(PATIENCE).await;
    scene.lose_the_store();
    assert_eq!(scene.alice.post("/do/refresh").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(scene.alice.get("/note").await.ok().body, "mine");
}
