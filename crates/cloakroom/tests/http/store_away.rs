//! The policies of a layer while the shared tier is unavailable.

use axum::Router;
use axum::routing::get;
use cloakroom::store::StoreErrorKind;
use cloakroom::{OnStoreError, Session, SessionError, SessionLayer, SessionSource};
use cloakroom_testkit::{FaultyStore, MemoryStore};
use http::StatusCode;

use crate::support::{Browser, Deployment, Node, Note, minutes, routes, secs};

const SERVE_STALE: OnStoreError = OnStoreError::ServeStale(minutes(1));

/// Alice is logged in and has a note; one node has a copy of her session.
struct Fixture {
    deployment: Deployment,
    store: FaultyStore<MemoryStore>,
    node: Node,
    alice: Browser,
}

impl Fixture {
    async fn new(policy: OnStoreError) -> Self {
        let deployment = Deployment::shared();
        let (store, node) = deployment.faulty_node();
        let app = routes().layer(SessionLayer::new(node.sessions.clone()).on_store_error(policy));
        let node = Node { app, ..node };
        let mut alice = Browser::new(&node.app);
        alice.post("/login/alice").await.ok();
        alice.post("/note/mine").await.ok();
        assert_eq!(alice.get("/note").await.ok().body, "mine");
        Self { deployment, store, node, alice }
    }

    /// Disconnects the store and makes every call fail.
    fn disconnect_store(&self) {
        self.store.inner().disconnect();
        self.store.fail_all(StoreErrorKind::Unavailable);
    }

    fn reconnect_store(&self) {
        self.store.reset();
        self.store.inner().reconnect();
    }
}

#[tokio::test]
async fn r62_nothing_is_changed_while_the_store_is_away_whatever_the_layer_says() {
    for policy in [OnStoreError::Fail, OnStoreError::Anonymous, SERVE_STALE] {
        let mut fixture = Fixture::new(policy).await;
        fixture.disconnect_store();
        let verbs = ["/note/other", "/count", "/login/bob", "/do/renew", "/do/destroy", "/do/remove", "/do/remember"];
        for verb in verbs {
            let reply = fixture.alice.post(verb).await;
            let context = format!("{verb} under {policy:?}");
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{context}");
            assert_eq!(reply.set_cookie(), None, "{context}");
        }
        fixture.reconnect_store();
        assert_eq!(fixture.alice.get("/note").await.ok().body, "mine", "{policy:?}");
        assert_eq!(fixture.alice.get("/whoami").await.ok().body, "alice", "{policy:?}");
        assert_eq!(fixture.deployment.session_count(&fixture.node), 1, "{policy:?}: no session was created");
    }
}

#[tokio::test]
async fn a_write_that_did_not_reach_the_store_keeps_the_copy() {
    for fault in [StoreErrorKind::Unavailable, StoreErrorKind::Refused] {
        let mut fixture = Fixture::new(OnStoreError::Fail).await;
        // Invalidations still arrive, so copies have a lease, but the store rejects every write.
        fixture.store.fail_all(fault);
        for _ in 0..2 {
            assert_eq!(fixture.alice.post("/note/other").await.status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
            assert_eq!(fixture.alice.get("/note").await.ok().body, "mine", "{fault:?}");
        }
        fixture.store.reset();
        fixture.alice.post("/note/other").await.ok();
        assert_eq!(fixture.alice.get("/note").await.ok().body, "other", "{fault:?}");
    }
    let mut fixture = Fixture::new(OnStoreError::Fail).await;
    fixture.store.fail_all(StoreErrorKind::Unknown);
    fixture.alice.post("/note/other").await;
    assert_eq!(
        fixture.alice.get("/note").await.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "the write may have been committed"
    );
}

#[tokio::test]
async fn r62_a_read_fails_unless_the_layer_says_otherwise() {
    let mut fixture = Fixture::new(OnStoreError::default()).await;
    fixture.disconnect_store();
    for path in ["/note", "/whoami", "/do/extract-option"] {
        let reply = fixture.alice.get(path).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "{path}");
        assert_eq!(reply.header("retry-after").len(), 1, "{path}");
    }
    assert_eq!(fixture.alice.get("/untouched").await.ok().body, "untouched");
}

#[tokio::test]
async fn during_an_outage_reads_may_be_anonymous() {
    let mut fixture = Fixture::new(OnStoreError::Anonymous).await;
    fixture.disconnect_store();
    for (path, expected) in [("/note", "nothing"), ("/whoami", "nobody")] {
        let reply = fixture.alice.get(path).await.ok();
        assert_eq!((reply.body.as_str(), reply.set_cookie()), (expected, None), "{path}");
        assert_eq!(reply.header("cache-control"), ["private"], "a response without the store is private too");
    }
    fixture.reconnect_store();
    assert_eq!(fixture.alice.get("/whoami").await.ok().body, "alice");
}

#[tokio::test]
async fn during_an_outage_reads_may_be_served_from_the_copy_for_a_while() {
    let mut fixture = Fixture::new(SERVE_STALE).await;
    fixture.deployment.clock.advance(minutes(5));
    fixture.disconnect_store();
    for _ in 0..2 {
        assert_eq!(fixture.alice.get("/note").await.ok().body, "mine");
        assert_eq!(fixture.alice.get("/whoami").await.ok().body, "alice");
        fixture.deployment.clock.advance(secs(30));
    }
    assert_eq!(fixture.node.sessions.stats().stale_sessions_served, 4);
    assert_eq!(fixture.alice.get("/note").await.ok().body, "mine", "exactly at the limit");
    fixture.deployment.clock.advance(secs(1));
    assert_eq!(fixture.alice.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE, "beyond the limit");
    fixture.reconnect_store();
    assert_eq!(fixture.alice.get("/note").await.ok().body, "mine");
}

#[tokio::test]
async fn a_copy_known_to_be_out_of_date_is_not_served() {
    let fixture = Fixture::new(SERVE_STALE).await;
    let other_node = fixture.deployment.node();
    fixture.alice.at(&other_node.app).post("/note/newer").await.ok();
    fixture.disconnect_store();
    let mut alice = fixture.alice;
    assert_eq!(alice.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_copy_that_never_had_a_lease_is_not_served() {
    let mut fixture = Fixture::new(SERVE_STALE).await;
    fixture.store.inner().disconnect();
    fixture.alice.post("/note/read-without-a-lease").await.ok();
    fixture.store.fail_all(StoreErrorKind::Unavailable);
    assert_eq!(fixture.alice.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn r62_nobody_else_is_served_a_copy() {
    let fixture = Fixture::new(SERVE_STALE).await;
    fixture.disconnect_store();
    let mut forged = fixture.alice.bare_token().into_bytes();
    forged[30] = if forged[30] == b'A' { b'B' } else { b'A' };
    let mut forged = Browser::holding(&fixture.node.app, String::from_utf8(forged).unwrap());
    assert_eq!(forged.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_copy_of_an_expired_session_is_not_served() {
    let mut fixture = Fixture::new(OnStoreError::ServeStale(minutes(600))).await;
    fixture.disconnect_store();
    fixture.deployment.clock.advance(minutes(31));
    assert_eq!(fixture.alice.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

async fn sources(session: Session) -> Result<String, SessionError> {
    let before = session.source();
    session.get::<Note>().await?;
    Ok(format!("{before:?} {:?}", session.source()))
}

#[tokio::test]
async fn a_request_reports_which_tier_served_it() {
    let fixture = Fixture::new(OnStoreError::Fail).await;
    let node = Node::with_routes(fixture.deployment.builder(), Router::new().route("/", get(sources)));
    let mut alice = fixture.alice.at(&node.app);
    for source in [SessionSource::Store, SessionSource::Memory] {
        assert_eq!(alice.get("/").await.ok().body, format!("None {:?}", Some(source)));
    }
    assert_eq!(Browser::new(&node.app).get("/").await.ok().body, "None None");
}

#[tokio::test]
async fn a_refresh_that_nobody_answers_leaves_the_copy_for_those_who_may_read_a_stale_one() {
    let mut fixture = Fixture::new(SERVE_STALE).await;
    fixture.disconnect_store();
    assert_eq!(fixture.alice.post("/do/refresh").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(fixture.alice.get("/note").await.ok().body, "mine");
}
