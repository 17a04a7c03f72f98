//! The server ran a command, but its reply was lost.

use cloakroom_redis::RecordFormat;
use cloakroom_testbed::Direction::ToClient;

use crate::support::{Deployment, LONG, Node, Visitor, key, selector_of, until, without_hint};

/// Loses the reply to the next such command of `node`, once `done` reports that the server has run
/// it.
async fn lose_reply(node: &Node, command: &str, mut done: impl AsyncFnMut() -> bool) {
    let before = node.commands();
    node.proxy.hold(ToClient);
    node.wait_for_command(command, &before).await;
    until("the server has run it", async || done().await).await;
    node.proxy.cut().await;
    node.proxy.release(ToClient);
}

#[tokio::test]
async fn race_20_a_write_whose_answer_was_lost_counts_once() {
    let (deployment, a, _b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let selector = selector_of(&alice);
    let first = deployment.field(&selector, "version").await;
    let written = async || deployment.field(&selector, "version").await != first;
    let (outcome, ()) = tokio::join!(a.add(&alice), lose_reply(&a, "evalsha", written));
    assert_eq!(outcome.unwrap(), 2, "the outcome is resolved by the nonce");
    assert_eq!(a.count(&alice).await.unwrap(), Some(2), "written once");
    assert_eq!(a.sessions.stats().conflicts, 0, "the repeated write was recognized");
}

#[tokio::test]
async fn race_20_others_may_write_before_the_repeat() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let (selector, other) = (selector_of(&alice), without_hint(&alice));
    let first = deployment.field(&selector, "version").await;
    let overtaken = async || {
        if deployment.field(&selector, "version").await == first {
            return false;
        }
        for _ in 0..3 {
            b.add(&other).await.unwrap();
        }
        true
    };
    let (outcome, ()) = tokio::join!(a.add(&alice), lose_reply(&a, "evalsha", overtaken));
    assert_eq!(outcome.unwrap(), 2, "the result of its own write");
    assert_eq!(a.count(&alice).await.unwrap(), Some(5), "one of a, one of a, three of b");
}

#[tokio::test]
async fn race_20_a_session_whose_creation_was_not_confirmed_is_created_once() {
    let (deployment, a, _b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    let created = async || deployment.keys().await.len() == 1;
    let (outcome, ()) = tokio::join!(a.add(&alice), lose_reply(&a, "evalsha", created));
    assert_eq!(outcome.unwrap(), 1);
    assert_eq!(deployment.keys().await, [key(&selector_of(&alice))]);
}

/// Adds on `node` while its replies are held, until it has sent its write twice. Meanwhile `others`
/// write.
async fn add_with_held_replies(
    deployment: &Deployment,
    node: &Node,
    visitor: &Visitor,
    others: impl AsyncFnOnce(),
) -> Result<u64, cloakroom::SessionError> {
    let selector = selector_of(visitor);
    node.count(visitor).await.unwrap();
    let before = node.commands();
    let first = deployment.field(&selector, "version").await;
    node.proxy.hold(ToClient);
    let hold = async {
        until("the server has run it", async || deployment.field(&selector, "version").await != first).await;
        others().await;
        let sent = async || node.commands().since(&before).of("evalsha") >= 2;
        until("the node has sent it again", sent).await;
        node.proxy.release(ToClient);
    };
    let (outcome, ()) = tokio::join!(node.add(visitor), hold);
    outcome
}

#[tokio::test]
async fn race_20_a_write_counts_once_however_many_another_node_makes_meanwhile() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    for others in [7, 8, 40] {
        let alice = Visitor::default();
        a.add(&alice).await.unwrap();
        let tab = without_hint(&alice);
        let write = async || {
            for _ in 0..others {
                a.add(&tab).await.unwrap();
            }
        };
        assert_eq!(
            add_with_held_replies(&deployment, &b, &alice, write).await.unwrap(),
            2,
            "the result of its own write, among {others} others"
        );
        for node in [&b, &a] {
            assert_eq!(node.count(&alice).await.unwrap(), Some(2 + others), "among {others} others");
            assert_eq!(node.sessions.stats().rollbacks, 0, "the client has a version that the record contains");
        }
    }
}

#[tokio::test]
async fn race_20_what_the_record_does_not_remember_is_unknown_and_not_done_again() {
    let (deployment, _a, b) = Deployment::with_two_nodes().await;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(deployment.node().await);
    }
    let alice = Visitor::default();
    b.add(&alice).await.unwrap();
    let tab = without_hint(&alice);
    let write = async || {
        for node in &others {
            node.add(&tab).await.unwrap();
        }
    };
    let outcome = add_with_held_replies(&deployment, &b, &alice, write).await;
    assert_eq!(outcome.unwrap_err().kind(), cloakroom::SessionErrorKind::OutcomeUnknown);
    assert_eq!(b.count(&alice).await.unwrap(), Some(10), "each write took effect once");
}

#[tokio::test]
async fn race_20_a_node_of_the_last_release_that_writes_meanwhile_takes_no_write_away() {
    let deployment = Deployment::open().await;
    let b = deployment.node_with(|store| store.lease(LONG).record_format(RecordFormat::V1), |sessions| sessions).await;
    let alice = Visitor::default();
    b.add(&alice).await.unwrap();
    let selector = selector_of(&alice);
    let write = async || {
        for write in 0..9_u64 {
            // A node of the last release increments the version, puts its nonce first, and does not
            // write `writers`.
            let version = deployment.field(&selector, "version").await.unwrap().parse::<u64>().unwrap() + 1;
            let recent = deployment.field(&selector, "recent").await.unwrap();
            let recent = format!("{:016x},{}", u64::MAX - write, &recent[..recent.len().min(119)]);
            let (key, version) = (key(&selector), version.to_string());
            let words = ["HSET", &key, "version", &version, "recent", &recent];
            deployment.server.command(&words).await.unwrap();
        }
    };
    assert_eq!(add_with_held_replies(&deployment, &b, &alice, write).await.unwrap(), 2);
    assert_eq!(b.add(&alice).await.unwrap(), 3);
    // A record that only nodes of the last release have written.
    deployment.server.command(&["HDEL", &key(&selector), "writers"]).await.unwrap();
    let fresh = deployment.node().await;
    assert_eq!(fresh.add(&without_hint(&alice)).await.unwrap(), 4);
    assert_eq!(b.add(&without_hint(&alice)).await.unwrap(), 5);
}
