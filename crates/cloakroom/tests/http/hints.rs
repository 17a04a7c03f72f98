//! A client reads its own writes on every node, even if the invalidation arrives late.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use cloakroom::store::StoreErrorKind;
use cloakroom::{CookieConfig, ReusePolicy, Session, SessionError, SessionLayer};
use cloakroom_testkit::{FaultyStore, ManualClock, MemoryStore};
use tokio::time::Instant;

use crate::support::{Browser, Deployment, HandlerGate, Node, routes};

const LEASE: Duration = Duration::from_secs(2);

/// Two nodes that share a store, and a third, stale one that receives no invalidations.
struct Fixture {
    gate: HandlerGate,
    slow: Node,
    slow_store: FaultyStore<MemoryStore>,
    other: Node,
    stale_node: Node,
    stale_store: MemoryStore,
    tab: Browser,
    clock: ManualClock,
}

impl Fixture {
    async fn new() -> Self {
        let deployment = Deployment::shared();
        let gate = HandlerGate::new();
        let slow_store = FaultyStore::new(deployment.store.as_ref().unwrap().node().with_max_lease(LEASE));
        let builder = crate::support::recorded()
            .clock(deployment.clock.clone())
            .store(slow_store.clone())
            .on_reuse(ReusePolicy::End);
        let slow = Node::with_routes(builder, gate.routes());
        let other = deployment.node();
        let stale_store = deployment.store.as_ref().unwrap().node();
        let sessions =
            crate::support::recorded().clock(deployment.clock.clone()).store(stale_store.clone()).build().unwrap();
        let stale_node = Node { app: routes().layer(SessionLayer::new(sessions.clone())), sessions };
        let mut tab = Browser::new(&slow.app);
        tab.post("/login/alice").await.ok();
        tab.post("/note/first").await.ok();
        assert_eq!(tab.at(&stale_node.app).get("/note").await.ok().body, "first");
        stale_store.pause_invalidations();
        Self { gate, slow, slow_store, other, stale_node, stale_store, tab, clock: deployment.clock }
    }

    /// Both tabs use the same node; only the stale node is a different one.
    async fn on_one_node() -> Self {
        let fixture = Self::new().await;
        Self { other: fixture.slow.clone(), ..fixture }
    }

    /// The first tab's handler acts and is delayed before it responds; meanwhile the other tab
    /// sends a request to another node. Returns the first tab as its response left it.
    async fn interrupted(&mut self, path: &'static str, interruption_path: &str) -> Browser {
        self.interrupted_with(path, interruption_path, async |_| {}).await
    }

    /// Like `interrupted`, but also runs `before_release` just before the first tab's handler
    /// continues.
    async fn interrupted_with(
        &mut self,
        path: &'static str,
        interruption_path: &str,
        before_release: impl AsyncFnOnce(&FaultyStore<MemoryStore>),
    ) -> Browser {
        let mut first = self.tab.at(&self.slow.app);
        let mut second = self.tab.at(&self.other.app);
        let delayed = async {
            first.post(path).await.ok();
        };
        let interruption = async {
            self.gate.wait_until_paused().await;
            second.post(interruption_path).await.ok();
            before_release(&self.slow_store).await;
            self.gate.release();
        };
        tokio::join!(delayed, interruption);
        first
    }
}

#[tokio::test]
async fn a_write_overtaken_before_its_response_is_read_on_a_stale_node() {
    let mut fixture = Fixture::new().await;
    let first = fixture.interrupted("/written-then-paused/second", "/count").await;
    let mut first = first.at(&fixture.stale_node.app);
    assert_eq!(first.get("/note").await.ok().body, "second", "a client reads its own write");
    fixture.stale_store.deliver_invalidations();
}

#[tokio::test]
async fn a_read_overtaken_before_its_response_is_not_undone_by_a_stale_node() {
    let mut fixture = Fixture::new().await;
    fixture.tab.at(&fixture.other.app).post("/note/newer").await.ok();
    let first = fixture.interrupted("/paused/nothing", "/count").await;
    assert_eq!(
        first.at(&fixture.stale_node.app).get("/note").await.ok().body,
        "newer",
        "a client never reads older data than before"
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_overtaken_by_a_login_does_not_reissue_the_old_token() {
    for mut fixture in [Fixture::new().await, Fixture::on_one_node().await] {
        let (old, started) = (fixture.tab.bare_token(), Instant::now());
        let first = fixture.interrupted("/written-then-paused/second", "/login/alice").await;
        assert_eq!(first.bare_token(), old, "the new token comes with the login's response");
        assert_eq!(first.at(&fixture.other.app).get("/whoami").await.ok().body, "nobody", "the old token is dead");
        assert!((LEASE..2 * LEASE).contains(&started.elapsed()), "every lease has expired: {:?}", started.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_session_is_over_comes_when_no_node_serves_less_than_it_shows() {
    let paths = ["/written-then-paused/second", "/paused/nothing"];
    let fixtures =
        [Fixture::new().await, Fixture::new().await, Fixture::on_one_node().await, Fixture::on_one_node().await];
    for (mut fixture, path) in fixtures.into_iter().zip(paths.into_iter().cycle()) {
        fixture.tab.at(&fixture.other.app).post("/note/newer").await.ok();
        let (old, started) = (fixture.tab.bare_token(), Instant::now());
        let first = fixture.interrupted(path, "/do/destroy").await;
        assert_eq!(first.bare_token(), old, "{path}: the token of an ended session is not sent");
        assert!((LEASE..2 * LEASE).contains(&started.elapsed()), "{path}: {:?}", started.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_with_nothing_new_or_with_a_valid_token_is_not_delayed() {
    for (path, interruption_path) in [("/paused/nothing", "/do/destroy"), ("/written-then-paused/second", "/do/renew")]
    {
        for mut fixture in [Fixture::new().await, Fixture::on_one_node().await] {
            let started = Instant::now();
            fixture.interrupted(path, interruption_path).await;
            assert_eq!(started.elapsed(), Duration::ZERO, "{path} and {interruption_path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_replaced_during_its_request_is_not_reported_as_reused() {
    for mut fixture in [Fixture::new().await, Fixture::on_one_node().await] {
        let clock = fixture.clock.clone();
        fixture
            .interrupted_with("/written-then-paused/second", "/login/alice", async |_| {
                clock.advance(Duration::from_secs(90));
            })
            .await;
        assert_eq!(fixture.slow.sessions.stats().tokens_reused, 0, "the token was presented once, while it was valid");
        assert_eq!(fixture.slow.sessions.of("alice").list().await.unwrap().len(), 1, "the session does not end");
    }
}

#[tokio::test]
async fn a_dead_token_is_reported_as_reused_even_by_a_stale_node() {
    let mut fixture = Fixture::new().await;
    fixture.tab.post("/note/newer").await.ok();
    let mut attacker = fixture.tab.at(&fixture.stale_node.app);
    fixture.tab.post("/login/alice").await.ok();
    assert_eq!(attacker.get("/whoami").await.ok().body, "nobody");
    assert_eq!(fixture.stale_node.sessions.stats().tokens_reused, 1);
}

#[tokio::test(start_paused = true)]
async fn a_response_to_a_client_without_a_token_is_not_delayed() {
    let store = Deployment::shared().store.unwrap().node().with_max_lease(LEASE);
    let sessions = crate::support::recorded().store(store).build().unwrap();
    let revoker = sessions.clone();
    let login_and_revoke = async move |session: Session| {
        session.login("alice").await?;
        revoker.of("alice").revoke_all().await?;
        Ok::<_, SessionError>("out")
    };
    let app = Router::new().route("/", post(login_and_revoke)).layer(SessionLayer::new(sessions));
    let started = Instant::now();
    assert_eq!(Browser::new(&app).post("/").await.ok().body, "out");
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_response_without_its_hint_waits_until_no_node_serves_older_data() {
    let mut fixture = Fixture::new().await;
    let old = fixture.tab.bare_token();
    let mut started = Instant::now();
    let first = fixture
        .interrupted_with("/written-then-paused/second", "/count", async |store| {
            store.fail_all(StoreErrorKind::Unavailable);
            started = Instant::now();
        })
        .await;
    assert_eq!(first.bare_token(), old);
    assert!((LEASE..2 * LEASE).contains(&started.elapsed()), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_response_sends_its_hint_once_the_store_recovers() {
    let mut fixture = Fixture::new().await;
    let mut started = Instant::now();
    let first = fixture
        .interrupted_with("/written-then-paused/second", "/count", async |store| {
            store.fail_all(StoreErrorKind::Unavailable);
            started = Instant::now();
            let store = store.clone();
            tokio::spawn(async move {
                tokio::time::sleep(LEASE / 4).await;
                store.reset();
            });
        })
        .await;
    assert!((LEASE / 4..LEASE / 2).contains(&started.elapsed()), "{:?}", started.elapsed());
    assert_eq!(
        first.at(&fixture.stale_node.app).get("/note").await.ok().body,
        "second",
        "a client reads its own write"
    );
}

#[tokio::test]
async fn the_cookie_of_a_session_evicted_before_its_response_keeps_its_lifetime() {
    let (deployment, gate) = (Deployment::shared(), HandlerGate::new());
    // Enough memory for a few sessions only.
    let sessions = deployment.builder().memory_limit(69_632).build().unwrap();
    let cookie = CookieConfig::builder().name("session").insecure_for_localhost().persistent().build().unwrap();
    let app = gate.routes().layer(SessionLayer::new(sessions.clone()).cookie(cookie));
    let mut first = Browser::new(&app);
    let delayed = first.post("/written-then-paused/note");
    let evictions = async {
        gate.wait_until_paused().await;
        for _ in 0..1000 {
            Browser::new(&app).post("/count").await.ok();
        }
        gate.release();
    };
    let (reply, ()) = tokio::join!(delayed, evictions);
    assert!(sessions.stats().sessions < 300, "{:?}", sessions.stats());
    let reply = reply.ok();
    let max_age: u64 =
        reply.set_cookie().unwrap().split("Max-Age=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
    assert!(max_age >= 3600, "{max_age}");
}
