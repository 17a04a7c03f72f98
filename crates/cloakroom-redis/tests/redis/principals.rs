//! R19–R23 on a real server, with two nodes.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Guard, LimitPolicy, Selector, Store, Touch};
use cloakroom::{Clock, EndReason, EventKind, Events, Login, SessionErrorKind, SystemClock, Timestamp};
use cloakroom_testbed::Direction::ToClient;
use cloakroom_testkit::ManualClock;
use tokio::task::JoinSet;

use crate::support::{Deployment, LIMIT, Node, Note, Visitor, key, selector_of, until, without_hint};

fn announced(events: &mut Events, kind: EventKind) -> usize {
    std::iter::from_fn(|| events.try_recv()).filter(|event| event.kind == kind).count()
}

#[tokio::test]
async fn r23_fifty_logins_at_once_over_two_nodes_leave_three_sessions_and_say_what_became_of_the_others() {
    let deployment = Deployment::open().await;
    for policy in [LimitPolicy::EndOldest, LimitPolicy::Reject] {
        let node = || deployment.node_with(|store| store, |sessions| sessions.max_sessions_per_principal(3, policy));
        let nodes = [Arc::new(node().await), Arc::new(node().await)];
        let mut events = [nodes[0].sessions.events(), nodes[1].sessions.events()];
        let user = format!("user-{policy:?}");
        let mut logins = JoinSet::new();
        for number in 0..50 {
            let (node, user) = (Arc::clone(&nodes[number % 2]), user.clone());
            logins.spawn(async move {
                let visitor = Visitor::default();
                let outcome = node.login(&visitor, &user).await.map_err(|error| error.kind());
                (visitor, outcome)
            });
        }
        let (mut alive, mut refused) = (0, 0);
        for (visitor, outcome) in logins.join_all().await {
            match outcome {
                Ok(()) => alive += usize::from(nodes[0].whoami(&visitor).await.unwrap().as_deref() == Some(&*user)),
                Err(SessionErrorKind::TooManySessions | SessionErrorKind::Ended) => refused += 1,
                Err(other) => panic!("{policy:?}: {other:?}"),
            }
        }
        assert_eq!(alive, 3, "{policy:?}, {refused} refused");
        assert_eq!(nodes[1].sessions.of(user.as_str()).list().await.unwrap().len(), 3, "{policy:?}");
        let kind = match policy {
            LimitPolicy::Reject => EventKind::LoginRefused,
            _ => EventKind::Ended(EndReason::Displaced),
        };
        let announcements: usize = events.iter_mut().map(|events| announced(events, kind)).sum();
        assert_eq!(announcements, 47, "{policy:?}: one event for each ended or refused session");
    }
}

async fn three_sessions(deployment: &Deployment) -> (Node, Node, Vec<Visitor>) {
    let (here, there) = (deployment.node().await, deployment.node().await);
    let mut visitors = Vec::new();
    for number in 0..3 {
        let visitor = Visitor::default();
        if number % 2 == 0 { &here } else { &there }.login(&visitor, "alice").await.unwrap();
        for node in [&here, &there] {
            assert_eq!(node.whoami(&visitor).await.unwrap().as_deref(), Some("alice"));
        }
        visitors.push(visitor);
    }
    (here, there, visitors)
}

#[tokio::test]
async fn r20_r22_sessions_are_listed_and_ended_from_any_node_by_their_owner_only() {
    let deployment = Deployment::open().await;
    let (here, there, visitors) = three_sessions(&deployment).await;
    let list = there.sessions.of("alice").list().await.unwrap();
    assert_eq!(list.len(), 3);
    for info in &list {
        assert!(!there.sessions.of("bob").revoke(info.id).await.unwrap());
    }
    assert!(there.sessions.of("alice").revoke(list[0].id).await.unwrap());
    assert!(!here.sessions.of("alice").revoke(list[0].id).await.unwrap());
    assert_eq!(here.sessions.of("alice").revoke_all().await.unwrap(), 2);
    for visitor in &visitors {
        for node in [&here, &there] {
            crate::support::until("the revocation has been noticed", async || {
                node.whoami(&without_hint(visitor)).await.unwrap().is_none()
            })
            .await;
        }
    }
}

#[tokio::test]
async fn r20_a_record_that_does_not_decode_keeps_no_other_session_alive_nor_its_own() {
    let deployment = Deployment::open().await;
    let (here, there, visitors) = three_sessions(&deployment).await;
    for visitor in &visitors {
        here.write(visitor, "anything").await.unwrap();
    }
    let alice = there.sessions.of("alice");
    let strange = &visitors[1];
    let all = alice.list().await.unwrap();
    deployment.server.command(&["HSET", &key(&selector_of(strange)), "format", "999"]).await.unwrap();

    let readable: Vec<_> = alice.list().await.unwrap().iter().map(|info| info.id).collect();
    assert_eq!(readable, [all[0].id, all[2].id]);
    let invalidated = alice.invalidate::<Note>().await;
    assert_eq!(
        invalidated.unwrap_err().kind(),
        SessionErrorKind::Decode,
        "the session that may still have the value is reported"
    );
    for visitor in [&visitors[0], &visitors[2]] {
        assert_eq!(there.note(visitor).await.unwrap(), None);
    }

    let mut events = there.sessions.events();
    assert_eq!(alice.revoke_all().await.unwrap(), 3);
    assert_eq!(announced(&mut events, EventKind::Ended(EndReason::Revoked)), 3);
    assert_eq!(deployment.keys().await, [] as [&str; 0], "no key is left");
    assert!(!alice.revoke(all[1].id).await.unwrap());
}

#[tokio::test]
async fn r22_a_session_that_does_not_decode_can_be_ended_by_its_handle_and_by_a_login_that_ends_the_others() {
    let deployment = Deployment::open().await;
    let (here, there, visitors) = three_sessions(&deployment).await;
    let all = there.sessions.of("alice").list().await.unwrap();
    for visitor in &visitors[..2] {
        deployment.set(&selector_of(visitor), "idle", "long").await;
    }
    assert!(!there.sessions.of("bob").revoke(all[0].id).await.unwrap());
    assert!(there.sessions.of("alice").revoke(all[0].id).await.unwrap());
    let visit = visitors[2].enter(&here.sessions);
    visit.login(Login::new("alice").ending_others()).await.unwrap();
    visit.leave().await;
    assert!(deployment.record(&selector_of(&visitors[1])).await.is_empty());
    assert_eq!(here.whoami(&visitors[2]).await.unwrap().as_deref(), Some("alice"));
}

#[tokio::test]
async fn r21_a_login_that_ends_the_others_leaves_one_session_on_every_node() {
    let deployment = Deployment::open().await;
    let (here, there, visitors) = three_sessions(&deployment).await;
    let visit = visitors[0].enter(&there.sessions);
    visit.login(Login::new("alice").ending_others()).await.unwrap();
    visit.leave().await;
    assert_eq!(here.sessions.of("alice").list().await.unwrap().len(), 1);
    assert_eq!(here.whoami(&visitors[0]).await.unwrap().as_deref(), Some("alice"));
}

#[tokio::test]
async fn r19_who_refreshes_does_not_wait_for_the_news() {
    let deployment = Deployment::open().await;
    let (here, there) = (deployment.node().await, deployment.node().await);
    let alice = Visitor::default();
    there.login(&alice, "alice").await.unwrap();
    here.whoami(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    // From now on, everything that the server sends to this node is held back, including replies.
    here.proxy.hold(ToClient);
    there.destroy(&alice).await.unwrap();
    assert_eq!(here.whoami(&stranger).await.unwrap().as_deref(), Some("alice"), "memory serves it within the lease");
    let visit = stranger.enter(&here.sessions);
    let refreshed = tokio::spawn(async move {
        let lives = visit.refresh().await.unwrap();
        (lives, visit.principal().await.unwrap())
    });
    here.proxy.release(ToClient);
    assert_eq!(refreshed.await.unwrap(), (false, None));
}

#[tokio::test]
async fn r20_sessions_over_clones_of_one_store_hear_of_each_others_changes() {
    let deployment = Deployment::open().await;
    let node = deployment.node().await;
    let admin = crate::support::recorded().store(node.store.clone()).build().unwrap();
    let alice = Visitor::default();
    node.login(&alice, "alice").await.unwrap();
    let visit = alice.enter(&admin);
    assert_eq!(visit.principal().await.unwrap().unwrap().as_str(), "alice");
    node.write(&alice, "newer").await.unwrap();
    let visit = without_hint(&alice).enter(&admin);
    assert_eq!(visit.get::<Note>().await.unwrap().unwrap().0, "newer");
    assert_eq!(node.sessions.of("alice").revoke_all().await.unwrap(), 1);
    let visit = without_hint(&alice).enter(&admin);
    assert_eq!(visit.principal().await.unwrap(), None, "at once, without an invalidation from the server");
}

#[tokio::test]
async fn a_touch_that_says_nothing_new_costs_nobody_a_copy() {
    let (_deployment, here, there) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    here.login(&alice, "alice").await.unwrap();
    assert_eq!(there.whoami(&alice).await.unwrap().as_deref(), Some("alice"));
    there.settle().await;
    let selector: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&selector_of(&alice)[2 * at..2 * at + 2], 16).unwrap()).collect();
    let selector = Selector::from_bytes(selector.try_into().unwrap());
    let before = there.commands();
    here.store.touch(vec![Touch::new(selector, Guard::Anyone, Timestamp::from_millis(1))]).await.unwrap();
    here.settle().await;
    there.settle().await;
    assert_eq!(there.whoami(&alice).await.unwrap().as_deref(), Some("alice"));
    assert_eq!(there.sent_since(&before).get("evalsha"), Some(&1), "only the command of `settle`");
}

/// The clock stands still, so that the list is never read because a second has passed.
#[tokio::test]
async fn a_list_that_is_watched_follows_another_node_without_being_read_again_every_second() {
    let deployment = Deployment::open().await;
    let clock = ManualClock::starting_at(SystemClock::new().now());
    let node = || deployment.node_with(|store| store, |sessions| sessions.clock(clock.clone()));
    let (here, there) = (node().await, node().await);
    let (sender, mut lengths) = tokio::sync::mpsc::unbounded_channel();
    let mut lists = here.sessions.of("alice").watch();
    // Somebody waits for the next list all the time, as an open page does.
    tokio::spawn(async move {
        while let Some(list) = lists.next().await {
            sender.send(list.expect("the server answers").len()).expect("the test runs");
        }
    });
    let mut becomes = async |expected: usize| {
        let reached = async { while lengths.recv().await.expect("a list never ends") != expected {} };
        tokio::time::timeout(LIMIT, reached).await.expect("a change is reported");
    };
    let settled = async || {
        until("the stream only waits", async || {
            let before = here.commands();
            // Longer than the stream pauses between two reads after a report.
            tokio::time::sleep(Duration::from_millis(400)).await;
            !here.sent_since(&before).contains_key("zrange")
        })
        .await;
    };
    becomes(0).await;
    settled().await;
    there.login(&Visitor::default(), "alice").await.unwrap();
    becomes(1).await;
    settled().await;
    there.login(&Visitor::default(), "alice").await.unwrap();
    becomes(2).await;
    settled().await;
    there.sessions.of("alice").revoke_all().await.unwrap();
    becomes(0).await;
}
