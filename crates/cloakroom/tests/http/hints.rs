//! A client reads its own writes on every node, however late the news of them are there.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use cloakroom::store::StoreErrorKind;
use cloakroom::{CookieConfig, ReusePolicy, Session, SessionError, SessionLayer};
use cloakroom_testkit::{FaultyStore, ManualClock, MemoryStore};
use tokio::time::Instant;

use crate::support::{Browser, Deployment, HandlerGate, Node, routes};

const LEASE: Duration = Duration::from_secs(2);

/// Two nodes that share a store, and a third that hears of nothing.
struct Scene {
    gate: HandlerGate,
    slow: Node,
    slow_store: FaultyStore<MemoryStore>,
    other: Node,
    deaf: Node,
    deaf_store: MemoryStore,
    tab: Browser,
    clock: ManualClock,
}

impl Scene {
    async fn set() -> Self {
        let deployment = Deployment::shared();
        let gate = HandlerGate::new();
        let slow_store = FaultyStore::new(deployment.store.as_ref().unwrap().node().with_max_lease(LEASE));
        let builder = crate::support::recorded()
            .clock(deployment.clock.clone())
            .store(slow_store.clone())
            .on_reuse(ReusePolicy::End);
        let slow = Node::with_routes(builder, gate.routes());
        let other = deployment.node();
        let deaf_store = deployment.store.as_ref().unwrap().node();
        let sessions =
            crate::support::recorded().clock(deployment.clock.clone()).store(deaf_store.clone()).build().unwrap();
        let deaf = Node { app: routes().layer(SessionLayer::new(sessions.clone())), sessions };
        let mut tab = Browser::new(&slow.app);
        tab.post("/login/alice").await.ok();
        tab.post("/note/first").await.ok();
        assert_eq!(tab.at(&deaf.app).get("/note").await.ok().body, "first");
        deaf_store.pause_invalidations();
        Self { gate, slow, slow_store, other, deaf, deaf_store, tab, clock: deployment.clock }
    }

    /// Both tabs meet the same node; only the deaf one is apart.
    async fn on_one_node() -> Self {
        let scene = Self::set().await;
        Self { other: scene.slow.clone(), ..scene }
    }

    /// The first tab's handler does something and is held up before it answers; `meanwhile` is what another
    /// tab does at another node. Answers with what the first tab is told.
    async fn overtaken(&mut self, path: &'static str, meanwhile: &str) -> Browser {
        self.overtaken_and(path, meanwhile, async |_| {}).await
    }

    /// The same, and something else happens at the end.
    async fn overtaken_and(
        &mut self,
        path: &'static str,
        meanwhile: &str,
        at_last: impl AsyncFnOnce(&FaultyStore<MemoryStore>),
    ) -> Browser {
        let mut first = self.tab.at(&self.slow.app);
        let mut second = self.tab.at(&self.other.app);
        let held_up = async {
            first.post(path).await.ok();
        };
        let overtaking = async {
            self.gate.arrival().await;
            second.post(meanwhile).await.ok();
            at_last(&self.slow_store).await;
            self.gate.release();
        };
        tokio::join!(held_up, overtaking);
        first
    }
}

#[tokio::test]
async fn a_write_that_is_overtaken_before_its_answer_is_read_on_a_node_that_has_not_heard_of_it() {
    let mut scene = Scene::set().await;
    let first = scene.overtaken("/written-then-paused/second", "/count").await;
    let mut first = first.at(&scene.deaf.app);
    assert_eq!(first.get("/note").await.ok().body, "second", "its own write");
    scene.deaf_store.deliver_invalidations();
}

#[tokio::test]
async fn a_read_that_is_overtaken_before_its_answer_is_not_taken_back_by_an_older_node() {
    let mut scene = Scene::set().await;
    scene.tab.at(&scene.other.app).post("/note/newer").await.ok();
    let first = scene.overtaken("/paused/nothing", "/count").await;
    assert_eq!(first.at(&scene.deaf.app).get("/note").await.ok().body, "newer", "as it had been read before");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_a_login_overtakes_before_its_answer_does_not_give_the_old_token_back() {
    for mut scene in [Scene::set().await, Scene::on_one_node().await] {
        let (old, began) = (scene.tab.ticket(), Instant::now());
        let first = scene.overtaken("/written-then-paused/second", "/login/alice").await;
        assert_eq!(first.ticket(), old, "the newer one comes with the login's answer");
        assert_eq!(first.at(&scene.other.app).get("/whoami").await.ok().body, "nobody", "and this one is dead");
        assert!((LEASE..2 * LEASE).contains(&began.elapsed()), "by now on every node: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_session_is_over_comes_when_no_node_serves_less_than_it_shows() {
    let paths = ["/written-then-paused/second", "/paused/nothing"];
    let scenes = [Scene::set().await, Scene::set().await, Scene::on_one_node().await, Scene::on_one_node().await];
    for (mut scene, path) in scenes.into_iter().zip(paths.into_iter().cycle()) {
        scene.tab.at(&scene.other.app).post("/note/newer").await.ok();
        let (old, began) = (scene.tab.ticket(), Instant::now());
        let first = scene.overtaken(path, "/do/destroy").await;
        assert_eq!(first.ticket(), old, "{path}: nobody is sent the token of a session that is over");
        assert!((LEASE..2 * LEASE).contains(&began.elapsed()), "{path}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_shows_nothing_new_or_whose_token_still_opens_its_session_waits_for_nobody() {
    for (path, meanwhile) in [("/paused/nothing", "/do/destroy"), ("/written-then-paused/second", "/do/renew")] {
        for mut scene in [Scene::set().await, Scene::on_one_node().await] {
            let began = Instant::now();
            scene.overtaken(path, meanwhile).await;
            assert_eq!(began.elapsed(), Duration::ZERO, "{path} and {meanwhile}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_token_is_replaced_while_it_is_under_way_does_not_reuse_it() {
    for mut scene in [Scene::set().await, Scene::on_one_node().await] {
        let clock = scene.clock.clone();
        scene
            .overtaken_and("/written-then-paused/second", "/login/alice", async |_| {
                clock.advance(Duration::from_secs(90));
            })
            .await;
        assert_eq!(scene.slow.sessions.stats().tokens_reused, 0, "it was shown once, while it was good");
        assert_eq!(scene.slow.sessions.of("alice").list().await.unwrap().len(), 1, "and nobody's session ends for it");
    }
}

#[tokio::test]
async fn a_dead_token_is_reused_also_where_an_old_copy_still_knows_it_as_the_present_one() {
    let mut scene = Scene::set().await;
    scene.tab.post("/note/newer").await.ok();
    let mut thief = scene.tab.at(&scene.deaf.app);
    scene.tab.post("/login/alice").await.ok();
    assert_eq!(thief.get("/whoami").await.ok().body, "nobody");
    assert_eq!(scene.deaf.sessions.stats().tokens_reused, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_client_that_holds_nothing_waits_for_nobody() {
    let store = Deployment::shared().store.unwrap().node().with_max_lease(LEASE);
    let sessions = crate::support::recorded().store(store).build().unwrap();
    let all = sessions.clone();
    let in_and_out = async move |session: Session| {
        session.login("alice").await?;
        all.of("alice").revoke_all().await?;
        Ok::<_, SessionError>("out")
    };
    let app = Router::new().route("/", post(in_and_out)).layer(SessionLayer::new(sessions));
    let began = Instant::now();
    assert_eq!(Browser::new(&app).post("/").await.ok().body, "out");
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_tell_what_it_wrote_comes_when_no_node_serves_less_any_more() {
    let mut scene = Scene::set().await;
    let old = scene.tab.ticket();
    let mut began = Instant::now();
    let first = scene
        .overtaken_and("/written-then-paused/second", "/count", async |store| {
            store.fail_all(StoreErrorKind::Unavailable);
            began = Instant::now();
        })
        .await;
    assert_eq!(first.ticket(), old);
    assert!((LEASE..2 * LEASE).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_answer_tells_what_it_wrote_as_soon_as_the_store_is_there_again() {
    let mut scene = Scene::set().await;
    let mut began = Instant::now();
    let first = scene
        .overtaken_and("/written-then-paused/second", "/count", async |store| {
            store.fail_all(StoreErrorKind::Unavailable);
            began = Instant::now();
            let store = store.clone();
            tokio::spawn(async move {
                tokio::time::sleep(LEASE / 4).await;
                store.reset();
            });
        })
        .await;
    assert!((LEASE / 4..LEASE / 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(first.at(&scene.deaf.app).get("/note").await.ok().body, "second", "its own write");
}

#[tokio::test]
async fn a_session_whose_copy_was_pushed_out_before_the_answer_is_kept_for_as_long_as_it_lives() {
    let (deployment, gate) = (Deployment::shared(), HandlerGate::new());
    // Room for a few sessions.
    let sessions = deployment.builder().max_bytes(69_632).build().unwrap();
    let cookie = CookieConfig::builder().name("session").insecure_for_localhost().persistent().build().unwrap();
    let app = gate.routes().layer(SessionLayer::new(sessions.clone()).cookie(cookie));
    let mut first = Browser::new(&app);
    let held_up = first.post("/written-then-paused/note");
    let others = async {
        gate.arrival().await;
        for _ in 0..1000 {
            Browser::new(&app).post("/count").await.ok();
        }
        gate.release();
    };
    let (reply, ()) = tokio::join!(held_up, others);
    assert!(sessions.stats().sessions < 300, "{:?}", sessions.stats());
    let reply = reply.ok();
    let lives: u64 =
        reply.set_cookie().unwrap().split("Max-Age=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
    assert!(lives >= 3600, "{lives}");
}
