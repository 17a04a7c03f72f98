//! Secrets that do not match the session whose selector they come with.

use std::time::Duration;

use cloakroom_testkit::Verb;

use crate::support::{Browser, Deployment, canonical, decode};

fn forged(bare_token: &str) -> String {
    let mut bytes = decode(bare_token);
    bytes[16..].fill(9);
    canonical(&bytes)
}

#[tokio::test]
async fn a_forged_secret_costs_one_lookup_and_evicts_no_copy() {
    let deployment = Deployment::shared();
    let (_store, node) = deployment.faulty_node();
    let mut alice = Browser::new(&node.app);
    alice.post("/note/mine").await.ok();
    let dead = alice.bare_token();
    alice.post("/login/alice").await.ok();
    alice.post("/note/mine").await.ok();
    for secret in [forged(&alice.bare_token()), dead] {
        let before = node.sessions.stats().store_loads;
        for _ in 0..10 {
            assert_ne!(Browser::holding(&node.app, secret.clone()).get("/note").await.body, "mine");
        }
        assert_eq!(node.sessions.stats().store_loads - before, 1);
        assert_eq!(alice.get("/note").await.ok().body, "mine");
        assert_eq!(node.sessions.stats().store_loads - before, 1, "the owner's copy is still cached");
        // A write to the session invalidates the node's memory of rejected secrets.
        alice.post("/note/mine").await.ok();
    }
}

#[tokio::test]
async fn a_forged_secret_delays_no_commit_of_the_owner() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut alice = Browser::new(&node.app);
    alice.post("/login/alice").await.ok();
    let mut attacker = Browser::holding(&node.app, forged(&alice.bare_token()));
    let gate = store.delay_next(Verb::Load);
    let read = tokio::spawn(async move { attacker.get("/note").await.body });
    assert!(gate.arrived().await);
    let write = tokio::time::timeout(Duration::from_secs(5), alice.post("/note/mine")).await;
    write.expect("the owner does not wait for the forged token").ok();
    gate.open();
    assert_ne!(read.await.unwrap(), "mine");
    assert_eq!(alice.get("/note").await.ok().body, "mine");
}
