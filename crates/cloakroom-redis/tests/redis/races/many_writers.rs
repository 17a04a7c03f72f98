//! Several writers of one session, each with a copy that the others have outdated.

use std::num::NonZeroU32;
use std::sync::Arc;

use cloakroom::store::{Admission, Limit, LimitPolicy, Principal, Selector, Store};
use cloakroom::{SessionErrorKind, Timestamp};
use cloakroom_testbed::Direction::ToClient;
use tokio::task::JoinSet;

use crate::support::{Deployment, LONG, Node, Visitor, selector_of, until, without_hint};

/// A node whose copy of alice's session lacks one write of another node, without knowing it.
async fn with_outdated_copy(write: &str) -> (Deployment, Node, Node, Visitor, Visitor) {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let late = Visitor::with_cookie(alice.cookie());
    a.proxy.hold(ToClient);
    match write {
        "same" => drop(b.add(&alice).await.unwrap()),
        "other" => b.write(&alice, "from b").await.unwrap(),
        "renew" => b.renew(&alice).await.unwrap(),
        _ => b.destroy(&alice).await.unwrap(),
    }
    (deployment, a, b, alice, late)
}

/// Writes on `a` from its outdated copy; its proxy passes everything again once the write is sent.
async fn write_from_the_old_copy(a: &Node, late: &Visitor) -> Result<u64, cloakroom::SessionError> {
    let before = a.commands();
    let release = async {
        a.wait_for_command("evalsha", &before).await;
        a.proxy.release(ToClient);
    };
    tokio::join!(a.add(late), release).0
}

#[tokio::test]
async fn race_05_writes_of_different_values_do_not_undo_each_other() {
    let (_deployment, a, b, alice, late) = with_outdated_copy("other").await;
    assert_eq!(write_from_the_old_copy(&a, &late).await.unwrap(), 2);
    for node in [&a, &b] {
        let tab = without_hint(&alice);
        until("both nodes have both writes", async || node.count(&tab).await.unwrap() == Some(2)).await;
        assert_eq!(node.note(&tab).await.unwrap().as_deref(), Some("from b"));
    }
    assert_eq!(a.sessions.stats().conflicts, 0, "the writes do not conflict");
}

#[tokio::test]
async fn race_06_writes_of_the_same_value_both_count() {
    let (_deployment, a, _b, _alice, late) = with_outdated_copy("same").await;
    assert_eq!(write_from_the_old_copy(&a, &late).await.unwrap(), 3, "the change ran again on the current value");
    assert_eq!(a.sessions.stats().conflicts, 1);
}

/// Runs `each` updates of one value on every node, all concurrently.
async fn concurrent_updates(nodes: Vec<Node>, each: u64) -> Vec<Node> {
    let alice = Visitor::default();
    nodes[0].add(&alice).await.unwrap();
    let nodes: Vec<_> = nodes.into_iter().map(Arc::new).collect();
    let mut tasks = JoinSet::new();
    for node in nodes.iter().flat_map(|node| std::iter::repeat_n(node, each as usize)) {
        let (node, tab) = (Arc::clone(node), without_hint(&alice));
        tasks.spawn(async move { node.add(&tab).await });
    }
    for outcome in tasks.join_all().await {
        outcome.expect("no update is refused");
    }
    let count = 1 + nodes.len() as u64 * each;
    for node in &nodes {
        let tab = without_hint(&alice);
        until("every node has all updates", async || node.count(&tab).await.unwrap() == Some(count)).await;
    }
    nodes.into_iter().filter_map(Arc::into_inner).collect()
}

#[tokio::test]
async fn race_06_updates_of_one_node_take_turns_and_do_not_conflict() {
    for delay in [0, 3] {
        let (_deployment, a, _b) = Deployment::with_two_nodes().await;
        a.proxy.delay(ToClient, std::time::Duration::from_millis(delay));
        let nodes = concurrent_updates(vec![a], 100).await;
        assert_eq!(nodes[0].sessions.stats().conflicts, 0, "with answers that take {delay} ms");
    }
}

#[tokio::test]
async fn race_06_of_three_nodes_with_a_hundred_updates_at_once_each_nobody_is_refused() {
    for delays in [[0, 0, 0], [3, 3, 3], [0, 0, 3]] {
        let deployment = Deployment::open().await;
        let mut nodes = Vec::new();
        for delay in delays {
            let node = deployment.node().await;
            node.proxy.delay(ToClient, std::time::Duration::from_millis(delay));
            nodes.push(node);
        }
        concurrent_updates(nodes, 100).await;
    }
}

#[tokio::test]
async fn race_07_a_late_write_does_not_bring_back_a_session_that_is_over() {
    let (deployment, a, _b, alice, late) = with_outdated_copy("destroy").await;
    let refused = write_from_the_old_copy(&a, &late).await.unwrap_err();
    assert_eq!(refused.kind(), SessionErrorKind::Ended);
    assert_eq!(deployment.keys().await, [""; 0], "no key was restored");
    assert!(alice.cookie().is_none() && late.cookie().is_some(), "only the client that logged out loses its cookie");
}

#[tokio::test]
async fn race_07_no_verb_brings_back_a_session_that_is_over() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    for verb in ["renew", "login", "remember", "write", "touch"] {
        let alice = Visitor::default();
        a.add(&alice).await.unwrap();
        let late = Visitor::with_cookie(alice.cookie());
        let visit = late.enter(&a.sessions);
        assert!(visit.exists().await.unwrap());
        let selector = selector_of(&alice);
        b.destroy(&alice).await.unwrap();
        match verb {
            "renew" => drop(visit.renew().await),
            "login" => drop(visit.login("alice").await),
            "remember" => drop(visit.remember(LONG * 60).await),
            "write" => drop(visit.update(|note: &mut crate::support::Note| note.0.push('x')).await),
            _ => a.sessions.run_pending_tasks().await,
        }
        visit.leave().await;
        assert_eq!(deployment.record(&selector).await, [], "after {verb}");
    }
}

#[tokio::test]
async fn race_08_a_request_under_way_while_another_renews_neither_fails_nor_undoes_it() {
    let (deployment, a, b, alice, late) = with_outdated_copy("renew").await;
    let selector = selector_of(&alice);
    let secret = deployment.field(&selector, "secret").await.unwrap();
    assert_eq!(
        write_from_the_old_copy(&a, &late).await.unwrap(),
        2,
        "the old secret may write within the grace period"
    );
    assert_eq!(deployment.field(&selector, "secret").await.unwrap(), secret, "the new secret is kept");
    for node in [&a, &b] {
        assert_eq!(node.count(&alice).await.unwrap(), Some(2), "the new secret sees the write");
    }
}

#[tokio::test]
async fn race_08_a_login_that_overtakes_a_request_shuts_it_out() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let late = Visitor::with_cookie(alice.cookie());
    a.proxy.hold(ToClient);
    b.login(&alice, "alice").await.unwrap();
    let refused = write_from_the_old_copy(&a, &late).await.unwrap_err();
    assert_eq!(refused.kind(), SessionErrorKind::Ended, "the login invalidated the old secret");
    assert_eq!(deployment.field(&selector_of(&alice), "principal").await.as_deref(), Some("alice"));
    assert_eq!(b.whoami(&alice).await.unwrap().as_deref(), Some("alice"));
}

#[tokio::test]
async fn race_13_every_key_has_a_lifetime_after_every_verb() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    let check = async |after: &str| {
        for key in deployment.keys().await {
            let left = deployment.server.command(&["PTTL", &key]).await.unwrap();
            assert!(matches!(left, redis::Value::Int(1..)), "after {after}, {key} has {left:?}");
        }
    };
    a.add(&alice).await.unwrap();
    check("create").await;
    b.add(&alice).await.unwrap();
    check("update").await;
    b.renew(&alice).await.unwrap();
    check("renew").await;
    a.login(&alice, "alice").await.unwrap();
    assert_eq!(deployment.keys().await.len(), 2, "the record and the index");
    check("login").await;
    a.sessions.of("alice").list().await.unwrap();
    check("list").await;
    b.destroy(&alice).await.unwrap();
    check("destroy").await;
    assert_eq!(deployment.keys().await, [""; 0], "the index is deleted with its last session");
}

#[tokio::test]
async fn race_18_however_many_log_in_at_once_the_limit_holds() {
    let deployment = Deployment::open().await;
    let (limit, users) = (2, 24);
    for policy in [LimitPolicy::EndOldest, LimitPolicy::Reject] {
        let node =
            || deployment.node_with(|store| store, |sessions| sessions.max_sessions_per_principal(limit, policy));
        let nodes = [Arc::new(node().await), Arc::new(node().await)];
        let user = format!("user-{policy:?}");
        let mut logins = JoinSet::new();
        for n in 0..users {
            let (node, user) = (Arc::clone(&nodes[n % 2]), user.clone());
            logins.spawn(async move { node.login(&Visitor::default(), &user).await.map_err(|error| error.kind()) });
        }
        let outcomes = logins.join_all().await;
        let admitted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        for node in &nodes {
            assert_eq!(node.sessions.of(user.as_str()).list().await.unwrap().len(), limit as usize, "{policy:?}");
        }
        // With `EndOldest`, a session that is displaced before its login returns reports that.
        let (expected, refused) = match policy {
            LimitPolicy::Reject => (limit as usize..=limit as usize, SessionErrorKind::TooManySessions),
            _ => (limit as usize..=users, SessionErrorKind::Ended),
        };
        assert!(expected.contains(&admitted), "{policy:?}: {admitted}");
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == Err(refused)), "{policy:?} {outcomes:?}");
    }
}

#[tokio::test]
async fn race_18_admission_and_limit_are_one_step() {
    let deployment = Deployment::open().await;
    let node = deployment.node().await;
    let principal = Principal::new("alice");
    let limit = Limit::new(NonZeroU32::MIN, LimitPolicy::EndOldest);
    let mut left = 0;
    let visitors: Vec<_> = (0..6).map(|_| Visitor::default()).collect();
    for visitor in &visitors {
        node.add(visitor).await.unwrap();
        let selector = u128::from_str_radix(&selector_of(visitor), 16).unwrap().to_be_bytes();
        match node
            .store
            .add_member(&principal, Selector::from_bytes(selector), Timestamp::MAX, Some(limit))
            .await
            .unwrap()
        {
            Admission::Admitted { displaced } => {
                left += displaced.len();
                node.store.remove_members(&principal, displaced).await.unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(left, 5, "each displaced exactly one");
}

#[tokio::test]
async fn race_06_of_many_requests_on_two_nodes_one_takes_a_value() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let nodes = [Arc::new(a), Arc::new(b)];
    let alice = Visitor::default();
    nodes[0].add(&alice).await.unwrap();
    for round in 0..10 {
        let text = format!("saved {round}");
        nodes[round % 2].write(&alice, &text).await.unwrap();
        let mut tasks = JoinSet::new();
        for node in nodes.iter().cycle().take(20) {
            let (node, tab) = (Arc::clone(node), Visitor::with_cookie(alice.cookie()));
            tasks.spawn(async move { node.take_note(&tab).await });
        }
        let taken: Vec<_> = tasks.join_all().await.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(taken, [text], "in round {round}");
    }
    assert_eq!(nodes[1].count(&alice).await.unwrap(), Some(1), "the other value is untouched");
}

#[tokio::test]
async fn race_06_clearing_on_one_node_and_updates_on_the_other_come_one_after_the_other() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let (a, b) = (Arc::new(a), Arc::new(b));
    let alice = Visitor::default();
    a.login(&alice, "alice").await.unwrap();
    for _ in 0..10 {
        for _ in 0..3 {
            a.add(&alice).await.unwrap();
        }
        let adds = {
            let (b, tab) = (Arc::clone(&b), Visitor::with_cookie(alice.cookie()));
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                for _ in 0..5 {
                    numbers.push(b.add(&tab).await.unwrap());
                }
                numbers
            })
        };
        assert!(a.clear(&Visitor::with_cookie(alice.cookie())).await.unwrap(), "there was a value");
        let numbers = adds.await.unwrap();
        let before = numbers.iter().take_while(|number| **number > 3).count() as u64;
        let in_turn: Vec<_> = (4..4 + before).chain(1..=5 - before).collect();
        assert_eq!(numbers, in_turn, "all of the values are removed once, between two updates");
        let left = (before < 5).then_some(5 - before);
        for node in [&a, &b] {
            let tab = without_hint(&alice);
            until("both nodes agree", async || node.count(&tab).await.unwrap() == left).await;
        }
        assert_eq!(b.whoami(&alice).await.unwrap().as_deref(), Some("alice"), "the login is no value");
        a.clear(&alice).await.unwrap();
    }
}
