//! A client reads its own writes on every node, however late the news of them are there.

use cloakroom::testkit::MemoryStore;
use cloakroom::{SessionLayer, Sessions};

use crate::support::{Browser, House, Node, Stage, routes};

/// Two nodes that share a store, and a third that hears of nothing.
struct Scene {
    stage: Stage,
    slow: Node,
    other: Node,
    deaf: Node,
    deaf_store: MemoryStore,
    tab: Browser,
}

impl Scene {
    async fn set() -> Self {
        let house = House::shared();
        let stage = Stage::new();
        let slow = Node::with_routes(house.builder(), stage.routes());
        let other = house.node();
        let deaf_store = house.store.as_ref().unwrap().node();
        let sessions = Sessions::builder().clock(house.clock.clone()).store(deaf_store.clone()).build().unwrap();
        let deaf = Node { app: routes().layer(SessionLayer::new(sessions.clone())), sessions };
        let mut tab = Browser::new(&slow.app);
        tab.post("/login/alice").await.ok();
        tab.post("/note/first").await.ok();
        assert_eq!(tab.at(&deaf.app).get("/note").await.ok().body, "first");
        deaf_store.pause_invalidations();
        Self { stage, slow, other, deaf, deaf_store, tab }
    }

    /// The first tab's handler does something and is held up before it answers; `meanwhile` is what another
    /// tab does at another node. Answers with what the first tab is told.
    async fn overtaken(&mut self, path: &'static str, meanwhile: &str) -> Browser {
        let mut first = self.tab.at(&self.slow.app);
        let mut second = self.tab.at(&self.other.app);
        let held_up = async {
            first.post(path).await.ok();
        };
        let overtaking = async {
            self.stage.arrival().await;
            second.post(meanwhile).await.ok();
            self.stage.release();
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

#[tokio::test]
async fn a_write_that_a_login_overtakes_before_its_answer_does_not_give_the_old_token_back() {
    let mut scene = Scene::set().await;
    let old = scene.tab.ticket();
    let first = scene.overtaken("/written-then-paused/second", "/login/alice").await;
    assert_eq!(first.ticket(), old, "the newer one comes with the login's answer");
    assert_eq!(first.at(&scene.other.app).get("/whoami").await.ok().body, "nobody", "and this one is dead");
}
