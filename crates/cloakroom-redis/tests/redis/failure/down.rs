//! The server is down or does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::Router;
use cloakroom::store::{Invalidate, Selector, Store, StoreErrorKind};
use cloakroom::{Clock, OnStoreError, SystemClock};
use cloakroom_redis::RedisStore;
use cloakroom_testbed::Server;
use cloakroom_testkit::ManualClock;
use http::StatusCode;

use crate::support::{Browser, Deployment, Node, app, app_that, until};

const LEASE: Duration = Duration::from_millis(500);
const DEADLINE: Duration = Duration::from_millis(200);
/// Additional time that a busy machine may need beyond a deadline.
const SLACK: Duration = Duration::from_millis(500);

async fn fixture() -> (Deployment, Node, Router, Browser) {
    fixture_with_lease(LEASE).await
}

async fn fixture_with_lease(lease: Duration) -> (Deployment, Node, Router, Browser) {
    let deployment = Deployment::open().await;
    let node = deployment.node_with(|store| store.lease(lease).deadline(DEADLINE), |sessions| sessions).await;
    let app = app(&node.sessions);
    let mut alice = Browser::new(&app);
    alice.post("/count").await.is("1");
    (deployment, node, app, alice)
}

/// Checks that requests without the store succeed, and that others fail in time and keep their
/// session.
async fn only_what_needs_the_store_fails(app: &Router, alice: &mut Browser) {
    let cookie = alice.cookie.clone();
    for _ in 0..3 {
        alice.get("/untouched").await.is("untouched");
        Browser::new(app).get("/count").await.is("none");
        for (name, reply) in [
            ("get", alice.get("/count").await),
            ("add", alice.post("/count").await),
            ("out", alice.post("/logout").await),
        ] {
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{name}");
            reply.is_unavailable();
        }
        let began = Instant::now();
        Browser::new(app).post("/count").await.is_unavailable();
        assert!(began.elapsed() <= DEADLINE * 3 + SLACK, "{:?}", began.elapsed());
    }
    assert_eq!(alice.cookie, cookie);
}

/// The time until the node serves this client again.
async fn recovery(alice: &mut Browser) -> Duration {
    let began = Instant::now();
    until("the node serves again", async || alice.get("/count").await.status == StatusCode::OK).await;
    began.elapsed()
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_is_said_to_be_at_once() {
    let server = Server::start().await.unwrap();
    server.kill().unwrap();
    let began = Instant::now();
    let error = RedisStore::builder("shop").server(server.url()).connect().await.unwrap_err();
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(3));
    server.restart().await.unwrap();
    RedisStore::builder("shop").server(server.url()).connect().await.unwrap();
}

#[tokio::test]
async fn r63_a_server_that_is_frozen_at_the_start_is_given_up() {
    let server = Server::start().await.unwrap();
    server.freeze().await.unwrap();
    let began = Instant::now();
    RedisStore::builder("shop").server(server.url()).deadline(DEADLINE).connect().await.unwrap_err();
    assert!(began.elapsed() < DEADLINE * 4 + SLACK, "{:?}", began.elapsed());
    server.thaw().unwrap();
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_empty_leaves_anonymous_users_and_no_ghosts() {
    let (deployment, _node, app, mut alice) = fixture().await;
    deployment.server.kill().unwrap();
    until("the node notices", async || alice.get("/count").await.status != StatusCode::OK).await;
    only_what_needs_the_store_fails(&app, &mut alice).await;
    deployment.server.restart().await.unwrap();
    let took = recovery(&mut alice).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    alice.get("/count").await.is("none");
    assert_eq!(deployment.keys().await, [""; 0], "a lost session is not restored");
    alice.post("/count").await.is("1");
    alice.get("/count").await.is("1");
}

#[tokio::test]
async fn r62_a_server_that_comes_back_with_its_data_goes_on_as_if_nothing_had_been() {
    let server = Server::builder().persist().config("appendfsync always").start().await.unwrap();
    let deployment = Deployment { server };
    let node = deployment.node_with(|store| store.lease(LEASE).deadline(DEADLINE), |sessions| sessions).await;
    let app = app(&node.sessions);
    let mut alice = Browser::new(&app);
    alice.post("/count").await.is("1");
    deployment.server.kill().unwrap();
    until("the node notices", async || alice.get("/count").await.status != StatusCode::OK).await;
    only_what_needs_the_store_fails(&app, &mut alice).await;
    deployment.server.restart().await.unwrap();
    recovery(&mut alice).await;
    alice.get("/count").await.is("1");
    alice.post("/count").await.is("2");
}

/// The time for which this client is still served from memory.
async fn served(alice: &mut Browser) -> Duration {
    let (began, mut served) = (Instant::now(), Duration::ZERO);
    until("the lease is over", async || {
        let reply = alice.get("/count").await;
        if reply.status == StatusCode::OK {
            reply.is("1");
            served = began.elapsed();
        }
        reply.status != StatusCode::OK
    })
    .await;
    served
}

#[tokio::test]
async fn a_killed_server_is_not_missed_within_the_lease_and_not_waited_for_after() {
    let lease = LEASE * 3;
    let (deployment, node, app, mut alice) = fixture_with_lease(lease).await;
    let mut bob = Browser::new(&app);
    bob.post("/count").await.is("1");
    deployment.server.kill().unwrap();
    // From now on the node sends no command, so that no outcome is unknown.
    until("the node has noticed", async || {
        let answer = node.store.remove_members(&"nobody".into(), vec![Selector::from_bytes([0; 16])]).await;
        answer.is_err_and(|error| error.kind() == StoreErrorKind::Unavailable)
    })
    .await;
    alice.get("/count").await.is("1");
    let began = Instant::now();
    bob.post("/count").await.is_unavailable();
    assert!(began.elapsed() <= DEADLINE + SLACK, "a write fails in time: {:?}", began.elapsed());
    bob.get("/count").await.is("1");
    let served = served(&mut alice).await;
    assert!(served <= lease + SLACK, "served for {served:?}");
    only_what_needs_the_store_fails(&app, &mut alice).await;
    deployment.server.restart().await.unwrap();
    let took = recovery(&mut alice).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

/// A cache that counts how often it drops everything, which is expensive if it is large.
#[derive(Default)]
struct Counting(AtomicU64);

impl Invalidate for Counting {
    fn invalidate(&self, _: Selector) {}

    fn invalidate_all(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[tokio::test]
async fn copies_are_dropped_once_when_the_lease_is_over_however_often_a_connection_is_tried_in_vain() {
    let (deployment, node, _app, _alice) = fixture().await;
    let counting = Arc::new(Counting::default());
    node.store.subscribe(Arc::<Counting>::clone(&counting));
    deployment.server.kill().unwrap();
    until("the lease is over", async || counting.0.load(Relaxed) > 0).await;
    let tried = node.proxy.traffic().connections;
    until("connection attempts have failed", async || node.proxy.traffic().connections >= tried + 4).await;
    assert_eq!(counting.0.load(Relaxed), 1);
    deployment.server.restart().await.unwrap();
    until("a connection is open", async || node.store.load(Selector::from_bytes([0; 16])).await.is_ok()).await;
    until("older copies are dropped", async || counting.0.load(Relaxed) == 2).await;
}

#[tokio::test]
async fn what_a_layer_serves_beyond_the_lease_it_serves_up_to_its_bound() {
    let deployment = Deployment::open().await;
    let clock = ManualClock::starting_at(SystemClock::new().now());
    let node = deployment
        .node_with(|store| store.lease(LEASE).deadline(DEADLINE), |sessions| sessions.clock(clock.clone()))
        .await;
    let bound = Duration::from_secs(60);
    let mut alice = Browser::new(&app_that(&node.sessions, OnStoreError::ServeStale(bound)));
    alice.post("/count").await.is("1");
    deployment.server.kill().unwrap();
    until("the lease is over", async || {
        alice.get("/count").await.is("1");
        node.sessions.stats().stale_sessions_served > 0
    })
    .await;
    alice.post("/count").await.is_unavailable();
    let (step, mut passed) = (Duration::from_secs(1), Duration::ZERO);
    until("the read is refused", async || {
        let served = alice.get("/count").await.status == StatusCode::OK;
        if served {
            clock.advance(step);
            passed += step;
            // Wait in real time, because copies are marked in the background.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        !served
    })
    .await;
    assert!((bound..bound * 2).contains(&passed), "refused after {passed:?}");
    alice.get("/count").await.is_unavailable();
}

#[tokio::test]
async fn a_frozen_server_is_not_missed_within_the_lease_and_not_waited_for_after() {
    let (deployment, _node, app, mut alice) = fixture().await;
    deployment.server.freeze().await.unwrap();
    alice.get("/count").await.is("1");
    let served = served(&mut alice).await;
    assert!(served <= LEASE + SLACK, "served for {served:?}");
    only_what_needs_the_store_fails(&app, &mut alice).await;
    deployment.server.thaw().unwrap();
    let took = recovery(&mut alice).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    // The frozen server ran the commands when it resumed, but nobody received the replies.
    until("the server has run the commands that it received", async || {
        let count: u64 = alice.post("/count").await.body.parse().unwrap_or(0);
        (2..=6).contains(&count)
    })
    .await;
}

#[tokio::test]
async fn r63_a_server_that_was_given_up_is_asked_by_nobody_and_costs_nobody_the_deadline() {
    let deadline = Duration::from_secs(2);
    let deployment = Deployment::open().await;
    let node = deployment.node_with(|store| store.lease(LEASE).deadline(deadline), |sessions| sessions).await;
    let app = app(&node.sessions);
    let mut alice = Browser::new(&app);
    alice.post("/count").await.is("1");
    deployment.server.freeze().await.unwrap();
    let quick = async |alice: &mut Browser| {
        let began = Instant::now();
        alice.get("/count").await.is_unavailable();
        began.elapsed() < deadline / 4
    };
    until("the lease is over", async || alice.get("/count").await.status != StatusCode::OK).await;
    until("the node has given up the connection", async || quick(&mut alice).await).await;
    let before = node.commands();
    for _ in 0..50 {
        assert!(quick(&mut alice).await);
    }
    assert_eq!(node.commands().since(&before).of("evalsha"), 0);
    deployment.server.thaw().unwrap();
    let took = recovery(&mut alice).await;
    assert!(took < Duration::from_secs(8), "{took:?}");
    alice.get("/count").await.is("1");
}
