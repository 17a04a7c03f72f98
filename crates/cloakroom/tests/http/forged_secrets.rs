//! Secrets that do not open the session for which they are shown.

use std::time::Duration;

use cloakroom_testkit::Verb;

use crate::support::{Browser, Deployment, canonical, decode};

fn forged(ticket: &str) -> String {
    let mut bytes = decode(ticket);
    bytes[16..].fill(9);
    canonical(&bytes)
}

#[tokio::test]
async fn a_secret_that_opens_nothing_costs_one_look_up_and_empties_no_copy() {
    let deployment = Deployment::shared();
    let (_store, node) = deployment.faulty_node();
    let mut alice = Browser::new(&node.app);
    alice.post("/note/mine").await.ok();
    let dead = alice.ticket();
    alice.post("/login/alice").await.ok();
    alice.post("/note/mine").await.ok();
    for secret in [forged(&alice.ticket()), dead] {
        let before = node.sessions.stats().store_loads;
        for _ in 0..10 {
            assert_ne!(Browser::holding(&node.app, secret.clone()).get("/note").await.body, "mine");
        }
        assert_eq!(node.sessions.stats().store_loads - before, 1);
        assert_eq!(alice.get("/note").await.ok().body, "mine");
        assert_eq!(node.sessions.stats().store_loads - before, 1, "the copy of the owner is still there");
        // What happens to the session ends that.
        alice.post("/note/mine").await.ok();
    }
}

#[tokio::test]
async fn a_secret_that_opens_nothing_keeps_no_commit_of_the_owner_waiting() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut alice = Browser::new(&node.app);
    alice.post("/login/alice").await.ok();
    let mut stranger = Browser::holding(&node.app, forged(&alice.ticket()));
    let gate = store.delay_next(Verb::Load);
    let asking = tokio::spawn(async move { stranger.get("/note").await.body });
    assert!(gate.arrived().await);
    let written = tokio::time::timeout(Duration::from_secs(5), alice.post("/note/mine")).await;
    written.expect("the owner does not wait for the stranger").ok();
    gate.open();
    assert_ne!(asking.await.unwrap(), "mine");
    assert_eq!(alice.get("/note").await.ok().body, "mine");
}
