//! Tiers that disagree, and store failures that are mistaken for results.

use cloakroom::store::StoreErrorKind;
use cloakroom_testkit::{SpyStore, Verb};
use http::StatusCode;

use crate::support::{Browser, Deployment, HandlerGate, Node, minutes};

#[tokio::test]
async fn t04_s2_a_write_after_a_logout_on_another_node_stores_nothing() {
    let deployment = Deployment::shared();
    let gate = HandlerGate::new();
    let [_, other] = deployment.nodes();
    let node = Node::with_routes(deployment.builder(), gate.routes());
    let mut browser = Browser::new(&node.app);
    browser.post("/login/alice").await.ok();
    let mut tab = browser.clone();
    let request = tokio::spawn(async move { tab.post("/paused/set").await });
    gate.wait_until_paused().await;
    browser.at(&other.app).post("/do/destroy").await.ok();
    gate.release();
    let reply = request.await.unwrap();
    assert_eq!((reply.status, reply.set_cookie()), (StatusCode::UNAUTHORIZED, None));
    assert_eq!(deployment.session_count(&node), 0);
}

#[tokio::test]
async fn t14_a_write_after_the_session_expired_in_the_store_is_not_lost_silently() {
    let deployment = Deployment::shared();
    let node = deployment.node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/old").await.ok();
    let before = browser.bare_token();
    deployment.clock.advance(minutes(34));
    browser.post("/note/new").await.ok();
    assert_ne!(browser.bare_token(), before, "the client must get a token for the session that it wrote");
    assert_eq!(browser.get("/note").await.body, "new");
}

#[tokio::test]
async fn t15_a_cold_node_reads_a_record_once() {
    let deployment = Deployment::shared();
    let mut browser = Browser::new(&deployment.node().app);
    browser.post("/note/mine").await.ok();
    let spy = SpyStore::new(deployment.store.as_ref().unwrap().node());
    let node = Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(spy.clone()));
    let mut browser = browser.at(&node.app);
    for _ in 0..3 {
        assert_eq!(browser.get("/note").await.body, "mine");
    }
    assert_eq!(spy.count(Verb::Load), 1);
}

#[tokio::test]
async fn t16_r5_a_read_overtaken_by_a_logout_does_not_cache_the_session() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&deployment.node().app);
    browser.post("/login/alice").await.ok();
    let bare_token = browser.bare_token();
    let gate = store.delay_next(Verb::Load);
    let mut tab = Browser::holding(&node.app, bare_token.clone());
    let request = tokio::spawn(async move { tab.get("/whoami").await });
    assert!(gate.let_act().await, "the store has read the record but not replied yet");
    browser.post("/do/destroy").await.ok();
    gate.open();
    request.await.unwrap();
    assert_eq!(Browser::holding(&node.app, bare_token).get("/whoami").await.body, "nobody");
}

#[tokio::test]
async fn t17_a12_a_logout_on_one_node_takes_effect_on_every_node() {
    let deployment = Deployment::shared();
    let [first, second] = deployment.nodes();
    let mut browser = Browser::new(&first.app);
    browser.post("/login/alice").await.ok();
    let stolen = browser.bare_token();
    assert_eq!(browser.at(&second.app).get("/whoami").await.body, "alice");
    browser.post("/do/destroy").await.ok();
    assert_eq!(Browser::holding(&second.app, stolen.clone()).get("/whoami").await.body, "nobody");
    assert_eq!(Browser::holding(&first.app, stolen).get("/whoami").await.body, "nobody");
    assert_eq!(deployment.session_count(&first), 0, "no node writes its stale copy back");
}

#[tokio::test]
async fn t18_a_write_that_the_store_rejects_is_not_cached() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/first").await.ok();
    store.fail_next(Verb::Commit, StoreErrorKind::Unavailable);
    let reply = browser.post("/note/second").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.get("/note").await.body, "first");
}

#[tokio::test]
async fn t19_a10_a11_maintenance_survives_a_store_outage() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    deployment.clock.advance(minutes(20));
    store.fail_all(StoreErrorKind::Unavailable);
    browser.get("/untouched").await.ok();
    node.sessions.run_pending_tasks().await;
    store.reset();
    node.sessions.run_pending_tasks().await;
    deployment.clock.advance(minutes(20));
    assert_eq!(browser.get("/note").await.body, "mine", "the touch from twenty minutes ago must reach the store");
}

#[tokio::test]
async fn a03_s4_a_store_failure_is_never_an_empty_session() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&deployment.node().app);
    browser.post("/note/precious").await.ok();
    let mut browser = browser.at(&node.app);
    store.fail_next(Verb::Load, StoreErrorKind::Unavailable);
    let reply = browser.post("/note/empty").await;
    assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(browser.get("/note").await.body, "precious");
}

#[tokio::test]
async fn a04_two_first_requests_on_a_cold_node_lose_no_update() {
    let deployment = Deployment::shared();
    let mut browser = Browser::new(&deployment.node().app);
    browser.post("/count").await.ok();
    let node = deployment.node();
    let (mut one, mut two) = (browser.at(&node.app), browser.at(&node.app));
    let (first, second) = tokio::join!(one.post("/count"), two.post("/note/also"));
    first.ok();
    second.ok();
    assert_eq!(browser.at(&node.app).get("/count").await.body, "2");
    assert_eq!(browser.at(&node.app).get("/note").await.body, "also");
}

#[tokio::test]
async fn a17_r06_a_missing_record_and_a_missing_value_are_valid_results() {
    let deployment = Deployment::shared();
    let spy = SpyStore::new(deployment.store.as_ref().unwrap().node());
    let node = Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(spy.clone()));
    assert_eq!(Browser::holding(&node.app, crate::support::unissued_token(3)).get("/note").await.ok().body, "nothing");
    let mut browser = Browser::new(&node.app);
    browser.post("/count").await.ok();
    spy.take_calls();
    for _ in 0..3 {
        assert_eq!(browser.get("/note").await.ok().body, "nothing");
    }
    assert_eq!(spy.calls(), [], "a missing value is not loaded again");
}
