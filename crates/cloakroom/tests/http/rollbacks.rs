//! A shared tier that goes back in time, as after a failover to a replica that lagged behind.

use cloakroom::store::{Record, Selector};
use cloakroom::{EventKind, Events, RollbackPolicy};
use cloakroom_testkit::{MemoryStore, SpyStore, Verb};

use crate::support::{Browser, Deployment, Node, decode};

/// Alice wrote "first" and then "second", and the store has forgotten the second.
struct Scene {
    deployment: Deployment,
    store: MemoryStore,
    selector: Selector,
    past: Record,
    alice: Browser,
}

impl Scene {
    async fn set() -> Self {
        let deployment = Deployment::shared();
        let store = deployment.store.clone().unwrap();
        let mut alice = Browser::new(&deployment.node().app);
        alice.post("/login/alice").await.ok();
        alice.post("/note/first").await.ok();
        let selector = Selector::from_bytes(decode(&alice.ticket())[..16].try_into().unwrap());
        let past = store.record(selector).unwrap();
        alice.post("/note/second").await.ok();
        store.roll_back(selector, past.clone());
        Self { deployment, store, selector, past, alice }
    }

    /// A process that has no copy yet.
    fn node(&self, policy: RollbackPolicy) -> (Node, SpyStore<MemoryStore>) {
        let spy = SpyStore::new(self.store.node());
        let builder =
            crate::support::recorded().clock(self.deployment.clock.clone()).store(spy.clone()).on_rollback(policy);
        (Node::new(builder), spy)
    }
}

fn rollbacks(events: &mut Events) -> usize {
    std::iter::from_fn(|| events.try_recv()).filter(|event| event.kind == EventKind::RolledBack).count()
}

#[tokio::test]
async fn a_record_from_the_past_is_served_and_told_and_paid_for_once() {
    let scene = Scene::set().await;
    let (node, spy) = scene.node(RollbackPolicy::Accept);
    let mut events = node.sessions.events();
    let mut alice = scene.alice.at(&node.app);
    let reply = alice.get("/note").await.ok();
    assert_eq!(reply.body, "first", "what was acknowledged after that is lost");
    assert!(reply.given().is_some(), "the client is given the lower hint");
    let event = events.try_recv().unwrap();
    assert_eq!((event.kind, event.kind.name()), (EventKind::RolledBack, "session_rolled_back"));
    assert_eq!(event.principal.unwrap().as_str(), "alice");
    for _ in 0..3 {
        let reply = alice.get("/note").await.ok();
        assert_eq!((reply.body.as_str(), reply.set_cookie()), ("first", None));
    }
    alice.post("/note/third").await.ok();
    assert_eq!(alice.get("/note").await.ok().body, "third");
    assert_eq!((spy.count(Verb::Load), node.sessions.stats().rollbacks, rollbacks(&mut events)), (1, 1, 0));
}

#[tokio::test]
async fn a_lost_write_is_noticed_though_others_have_written_more_since() {
    let scene = Scene::set().await;
    let (elsewhere, _) = scene.node(RollbackPolicy::Accept);
    let mut tab = Browser::holding(&elsewhere.app, scene.alice.ticket());
    tab.post("/note/instead").await.ok();
    assert_eq!(elsewhere.sessions.stats().rollbacks, 0, "without a hint there is nothing to compare");
    for _ in 0..3 {
        tab.post("/note/instead").await.ok();
    }
    let (node, _) = scene.node(RollbackPolicy::Accept);
    assert_eq!(scene.alice.at(&node.app).get("/note").await.ok().body, "instead");
    assert_eq!(node.sessions.stats().rollbacks, 1);
}

#[tokio::test]
async fn a_user_whose_session_was_rolled_back_may_be_made_to_log_in_again() {
    for verb in ["/note/mine", "/login/alice"] {
        let scene = Scene::set().await;
        let (node, _) = scene.node(RollbackPolicy::Reauthenticate);
        let mut events = node.sessions.events();
        let mut alice = scene.alice.at(&node.app);
        for times in 1..=2 {
            for (path, answer) in [("/whoami", "nobody"), ("/note", "nothing")] {
                let reply = alice.get(path).await.ok();
                assert_eq!((reply.body.as_str(), reply.set_cookie()), (answer, None));
            }
            assert_eq!(rollbacks(&mut events), 2, "time {times}: each of both requests was told");
        }
        alice.post(verb).await.ok();
        assert_ne!(decode(&alice.ticket())[..16], *scene.selector.as_bytes(), "{verb}: a session of its own");
        assert_eq!(scene.store.record(scene.selector), Some(scene.past), "{verb}: the other is left alone");
        assert!(alice.get("/whoami").await.ok().set_cookie().is_none(), "{verb}: and all is well again");
    }
}

#[tokio::test]
async fn a_hint_that_is_made_up_costs_its_sender_one_load_per_request_and_nobody_else() {
    let deployment = Deployment::shared();
    let spy = SpyStore::new(deployment.store.as_ref().unwrap().node());
    let node = Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(spy.clone()));
    let mut honest = Browser::new(&node.app);
    honest.post("/note/mine").await.ok();
    let boast = format!("{}.__________8AAA", honest.ticket());
    spy.take_calls();
    for requests in 1..=3 {
        assert_eq!(Browser::holding(&node.app, boast.clone()).get("/note").await.ok().body, "mine");
        assert_eq!(spy.count(Verb::Load), requests);
        assert_eq!(honest.get("/note").await.ok().set_cookie(), None);
        assert_eq!(spy.count(Verb::Load), requests, "the honest client is served from memory");
    }
    assert_eq!(node.sessions.stats().rollbacks, 3);
    // Who does not hold the secret is not listened to.
    let mut thief = boast.into_bytes();
    thief[30] = if thief[30] == b'A' { b'B' } else { b'A' };
    let thief = String::from_utf8(thief).unwrap();
    assert_eq!(Browser::holding(&node.app, thief).get("/note").await.ok().body, "nothing");
    assert_eq!(node.sessions.stats().rollbacks, 3);
}

#[tokio::test]
async fn in_memory_a_hint_means_nothing() {
    for policy in [RollbackPolicy::Accept, RollbackPolicy::Reauthenticate] {
        let node = Node::new(Deployment::local().builder().on_rollback(policy));
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let boast = format!("{}.__________8AAA", browser.ticket());
        assert_eq!(Browser::holding(&node.app, boast).get("/note").await.ok().body, "mine");
        assert_eq!(node.sessions.stats().rollbacks, 0);
    }
}
