//! The server did it, and the answer was lost.

use cloakroom_testbed::Direction::ToClient;

use crate::support::{House, Node, Visitor, key, tag_of, until, without_hint};

/// Loses the answer to whatever `node` sends next by this command, once the server has `done` it.
async fn lose_the_answer(node: &Node, command: &str, mut done: impl AsyncFnMut() -> bool) {
    let before = node.commands();
    node.wire.hold(ToClient);
    node.sends(command, &before).await;
    until("the server has done it", async || done().await).await;
    node.wire.cut().await;
    node.wire.release(ToClient);
}

#[tokio::test]
async fn race_20_a_write_whose_answer_was_lost_counts_once() {
    let (house, a, _b) = House::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let tag = tag_of(&alice);
    let written = async || house.field(&tag, "version").await.as_deref() == Some("2");
    let (outcome, ()) = tokio::join!(a.add(&alice), lose_the_answer(&a, "evalsha", written));
    assert_eq!(outcome.unwrap(), 2, "resolved by its nonce, not by guessing");
    assert_eq!(house.field(&tag, "version").await.as_deref(), Some("2"), "written once");
    assert_eq!(a.sessions.stats().conflicts, 0, "its repeat was recognised");
}

#[tokio::test]
async fn race_20_others_may_write_before_the_repeat() {
    let (house, a, b) = House::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let (tag, other) = (tag_of(&alice), without_hint(&alice));
    let overtaken = async || {
        if house.field(&tag, "version").await.as_deref() != Some("2") {
            return false;
        }
        for _ in 0..3 {
            b.add(&other).await.unwrap();
        }
        true
    };
    let (outcome, ()) = tokio::join!(a.add(&alice), lose_the_answer(&a, "evalsha", overtaken));
    assert_eq!(outcome.unwrap(), 2, "what its own write came to");
    assert_eq!(a.count(&alice).await.unwrap(), Some(5), "one of a, one of a, three of b");
}

#[tokio::test]
async fn race_20_a_session_whose_creation_was_not_confirmed_is_created_once() {
    let (house, a, _b) = House::with_two_nodes().await;
    let alice = Visitor::default();
    let created = async || house.keys().await.len() == 1;
    let (outcome, ()) = tokio::join!(a.add(&alice), lose_the_answer(&a, "evalsha", created));
    assert_eq!(outcome.unwrap(), 1);
    assert_eq!(house.keys().await, [key(&tag_of(&alice))]);
}
