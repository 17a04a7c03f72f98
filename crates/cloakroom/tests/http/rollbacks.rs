//! A shared tier that loses writes, as after a failover to a lagging replica.

use cloakroom::store::{Record, Selector};
use cloakroom::{EventKind, Events, RollbackPolicy};
use cloakroom_testkit::{MemoryStore, SpyStore, Verb};

use crate::support::{Browser, Deployment, Node, decode};

/// Alice wrote "first" and then "second", and the store has lost the second write.
struct Fixture {
    deployment: Deployment,
    store: MemoryStore,
    selector: Selector,
    old_record: Record,
    alice: Browser,
}

impl Fixture {
    async fn new() -> Self {
        let deployment = Deployment::shared();
        let store = deployment.store.clone().unwrap();
        let mut alice = Browser::new(&deployment.node().app);
        alice.post("/login/alice").await.ok();
        alice.post("/note/first").await.ok();
        let selector = Selector::from_bytes(decode(&alice.bare_token())[..16].try_into().unwrap());
        let old_record = store.record(selector).unwrap();
        alice.post("/note/second").await.ok();
        store.roll_back(selector, old_record.clone());
        Self { deployment, store, selector, old_record, alice }
    }

    /// A node without a copy of the session.
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
async fn a_rolled_back_record_is_served_announced_and_loaded_once() {
    let fixture = Fixture::new().await;
    let (node, spy) = fixture.node(RollbackPolicy::Accept);
    let mut events = node.sessions.events();
    let mut alice = fixture.alice.at(&node.app);
    let reply = alice.get("/note").await.ok();
    assert_eq!(reply.body, "first", "the acknowledged second write is lost");
    assert!(reply.new_cookie().is_some(), "the client is sent the lower hint");
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
async fn a_lost_write_is_noticed_even_after_more_writes() {
    let fixture = Fixture::new().await;
    let (other_node, _) = fixture.node(RollbackPolicy::Accept);
    let mut tab = Browser::holding(&other_node.app, fixture.alice.bare_token());
    tab.post("/note/instead").await.ok();
    assert_eq!(other_node.sessions.stats().rollbacks, 0, "without a hint there is nothing to compare");
    for _ in 0..3 {
        tab.post("/note/instead").await.ok();
    }
    let (node, _) = fixture.node(RollbackPolicy::Accept);
    assert_eq!(fixture.alice.at(&node.app).get("/note").await.ok().body, "instead");
    assert_eq!(node.sessions.stats().rollbacks, 1);
}

#[tokio::test]
async fn a_rolled_back_session_may_require_a_new_login() {
    for verb in ["/note/mine", "/login/alice"] {
        let fixture = Fixture::new().await;
        let (node, _) = fixture.node(RollbackPolicy::Reauthenticate);
        let mut events = node.sessions.events();
        let mut alice = fixture.alice.at(&node.app);
        for times in 1..=2 {
            for (path, expected) in [("/whoami", "nobody"), ("/note", "nothing")] {
                let reply = alice.get(path).await.ok();
                assert_eq!((reply.body.as_str(), reply.set_cookie()), (expected, None));
            }
            assert_eq!(rollbacks(&mut events), 2, "time {times}: both requests announce the rollback");
        }
        alice.post(verb).await.ok();
        assert_ne!(
            decode(&alice.bare_token())[..16],
            *fixture.selector.as_bytes(),
            "{verb}: the write starts a new session"
        );
        assert_eq!(
            fixture.store.record(fixture.selector),
            Some(fixture.old_record),
            "{verb}: the rolled-back session is not changed"
        );
        assert!(alice.get("/whoami").await.ok().set_cookie().is_none(), "{verb}: later requests change nothing");
    }
}

#[tokio::test]
async fn a_forged_hint_costs_its_sender_one_load_per_request() {
    let deployment = Deployment::shared();
    let spy = SpyStore::new(deployment.store.as_ref().unwrap().node());
    let node = Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(spy.clone()));
    let mut owner = Browser::new(&node.app);
    owner.post("/note/mine").await.ok();
    let token_with_high_hint = format!("{}.__________8AAA", owner.bare_token());
    spy.take_calls();
    for requests in 1..=3 {
        assert_eq!(Browser::holding(&node.app, token_with_high_hint.clone()).get("/note").await.ok().body, "mine");
        assert_eq!(spy.count(Verb::Load), requests);
        assert_eq!(owner.get("/note").await.ok().set_cookie(), None);
        assert_eq!(spy.count(Verb::Load), requests, "the honest client is served from memory");
    }
    assert_eq!(node.sessions.stats().rollbacks, 3);
    // A hint counts only if the secret is right.
    let mut forged = token_with_high_hint.into_bytes();
    forged[30] = if forged[30] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    assert_eq!(Browser::holding(&node.app, forged).get("/note").await.ok().body, "nothing");
    assert_eq!(node.sessions.stats().rollbacks, 3);
}

#[tokio::test]
async fn without_a_store_a_hint_has_no_effect() {
    for policy in [RollbackPolicy::Accept, RollbackPolicy::Reauthenticate] {
        let node = Node::new(Deployment::local().builder().on_rollback(policy));
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let token_with_high_hint = format!("{}.__________8AAA", browser.bare_token());
        assert_eq!(Browser::holding(&node.app, token_with_high_hint).get("/note").await.ok().body, "mine");
        assert_eq!(node.sessions.stats().rollbacks, 0);
    }
}
