//! Invalidations are lost without an error.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use cloakroom::store::{Invalidate, Selector, Store};
use cloakroom_testbed::Direction::ToClient;

use crate::support::{Count, Deployment, LONG, Node, Visitor, selector_of, until, without_hint};

const LEASE: Duration = Duration::from_millis(600);
/// Additional time that a busy machine may need beyond a deadline.
const SLACK: Duration = Duration::from_millis(250);

#[tokio::test]
async fn race_02_what_was_read_before_a_connection_broke_is_not_served_once_there_is_another() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    a.proxy.refuse().await.unwrap();
    a.proxy.cut().await;
    until("the connections are gone", async || a.proxy.traffic().open == 0).await;
    assert_eq!(b.add(&alice).await.unwrap(), 2);
    // The node misses the invalidation and knows that its connection is down; its lease, which is
    // long here, bounds how long it serves the copy.
    assert_eq!(a.count(&stranger).await.unwrap(), Some(1), "the copy is served within the lease");
    assert!(a.count(&alice).await.is_err(), "but not to the client with a newer version hint");
    a.proxy.accept().await.unwrap();
    until("the node sees it", async || a.count(&stranger).await.ok().flatten() == Some(2)).await;
    assert_eq!(a.count(&alice).await.unwrap(), Some(2));
}

#[tokio::test]
async fn race_02_a_session_that_ended_while_a_connection_was_replaced_is_not_served_for_longer_than_that_takes() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    for _ in 0..5 {
        let alice = Visitor::default();
        a.add(&alice).await.unwrap();
        let stranger = without_hint(&alice);
        until("the node has a copy", async || a.count(&stranger).await.is_ok()).await;
        let (cut, ended) = tokio::join!(a.proxy.cut(), b.destroy(&alice));
        let () = cut;
        ended.unwrap();
        let since = Instant::now();
        until("the node has noticed the end", async || matches!(a.count(&stranger).await, Ok(None))).await;
        assert!(since.elapsed() <= SLACK * 4, "served for {:?}", since.elapsed());
    }
}

/// A cache that takes until the other end of this channel is dropped to drop its copies.
struct SlowCache(Mutex<mpsc::Receiver<()>>);

impl Invalidate for SlowCache {
    fn invalidate(&self, _: Selector) {}

    fn invalidate_all(&self) {
        let _ = self.0.lock().unwrap().recv();
    }
}

#[tokio::test]
async fn race_02_nothing_new_is_kept_while_old_copies_are_still_being_dropped() {
    let (_deployment, a, _b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let selector = Selector::from_bytes(u128::from_str_radix(&selector_of(&alice), 16).unwrap().to_be_bytes());
    let (work, until_done) = mpsc::channel();
    a.store.subscribe(Arc::new(SlowCache(Mutex::new(until_done))));
    let lease = async || a.store.load(selector).await.map(|loaded| loaded.unwrap().lease);
    let before = lease().await.unwrap();
    assert!(a.store.is_lease_valid(before));
    a.proxy.cut().await;
    until("there is another connection", async || lease().await.is_ok_and(|lease| lease != before)).await;
    // A write that is based on an old copy would otherwise be cached as if it were based on a
    // current one.
    for _ in 0..20 {
        assert!(!a.store.is_lease_valid(before) && !a.store.is_lease_valid(lease().await.unwrap()));
    }
    drop(work);
    until("the copies are dropped", async || a.store.is_lease_valid(lease().await.unwrap())).await;
}

#[tokio::test]
async fn race_02_a_server_that_comes_back_empty_is_believed_as_soon_as_it_is_there() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let strangers = [without_hint(&alice), without_hint(&alice)];
    assert_eq!(b.count(&strangers[1]).await.unwrap(), Some(1));
    deployment.server.kill().unwrap();
    for (node, stranger) in [&a, &b].into_iter().zip(&strangers) {
        assert_eq!(node.count(stranger).await.unwrap(), Some(1), "within the lease");
    }
    deployment.server.restart().await.unwrap();
    for (node, stranger) in [&a, &b].into_iter().zip(&strangers) {
        until("the session is gone", async || matches!(node.count(stranger).await, Ok(None))).await;
    }
    assert_eq!(deployment.keys().await, [""; 0]);
}

/// How long after `since` the `node` still served `old` from memory.
async fn served_for(node: &Node, stranger: &Visitor, old: u64, since: Instant) -> Duration {
    let mut served = Duration::ZERO;
    let end = since + LEASE * 6;
    while Instant::now() < end {
        let quick = tokio::time::timeout(Duration::from_millis(20), node.count(stranger)).await;
        match quick {
            Ok(Ok(Some(count))) if count == old => served = since.elapsed(),
            // The node loads the record, or knows that it cannot.
            _ => return served,
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    served
}

#[tokio::test]
async fn race_04_over_a_half_open_line_copies_are_served_for_a_lease_and_no_longer() {
    let deployment = Deployment::open().await;
    let (a, b) = (deployment.node_with_lease(LEASE).await, deployment.node_with_lease(LONG).await);
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    a.proxy.swallow(ToClient);
    let since = Instant::now();
    b.destroy(&alice).await.unwrap();
    let served = served_for(&a, &stranger, 1, since).await;
    assert!(served > Duration::ZERO, "the copy is served within the lease");
    assert!(served <= LEASE + SLACK, "an ended session was served for {served:?}");
    a.proxy.pass();
    a.proxy.cut().await;
    until("the node answers again", async || a.count(&stranger).await.is_ok()).await;
    assert_eq!(a.count(&stranger).await.unwrap(), None);
}

#[tokio::test]
async fn race_04_a_lease_counts_from_when_its_probe_was_sent_however_late_the_answer_is() {
    let deployment = Deployment::open().await;
    let a = deployment.node_with_lease(LEASE).await;
    let b = deployment.node().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    a.proxy.delay(ToClient, LEASE * 3 / 4);
    let before = a.commands();
    a.wait_for_command("role", &before).await;
    // The reply of the probe is delayed, and nothing arrives after it.
    let before = a.commands();
    let bytes_received = a.bytes_received();
    a.wait_for_command("role", &before).await;
    a.wait_for_more_than(bytes_received).await;
    a.proxy.swallow(ToClient);
    let since = Instant::now();
    b.add(&alice).await.unwrap();
    let served = stale_until(&a, &stranger, 1, since).await;
    assert!(served <= LEASE + SLACK, "old after {served:?}");
}

/// The last time after `since` at which `node` served `old`, even with interruptions.
async fn stale_until(node: &Node, stranger: &Visitor, old: u64, since: Instant) -> Duration {
    let mut served = Duration::ZERO;
    while since.elapsed() < LEASE * 3 {
        let quick = tokio::time::timeout(Duration::from_millis(10), node.count(stranger)).await;
        if matches!(quick, Ok(Ok(Some(count))) if count == old) {
            served = since.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    served
}

/// Checks that `a` receives the invalidation of a change that `b` makes now.
async fn assert_receives_changes(a: &Node, b: &Node, alice: &Visitor) {
    let count = b.add(alice).await.unwrap();
    let stranger = without_hint(alice);
    until("the invalidation arrives", async || a.count(&stranger).await.unwrap() == Some(count)).await;
}

#[tokio::test]
async fn race_11_a_node_hears_of_changes_after_its_own_writes_whichever_they_were() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    assert_receives_changes(&a, &b, &alice).await;
    a.add(&alice).await.unwrap();
    assert_receives_changes(&a, &b, &alice).await;
    a.renew(&alice).await.unwrap();
    assert_receives_changes(&a, &b, &alice).await;
    a.login(&alice, "alice").await.unwrap();
    assert_receives_changes(&a, &b, &alice).await;
}

#[tokio::test]
async fn race_17_news_come_on_the_very_connection_that_reads() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    assert_receives_changes(&a, &b, &alice).await;
    let list = deployment.server.text(&["CLIENT", "LIST", "TYPE", "normal"]).await.unwrap();
    let words = |line: &str, name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)).unwrap().to_owned();
    let tracked: Vec<_> = list.lines().filter(|line| words(line, "flags=").contains('t')).collect();
    assert_eq!(tracked.len(), 2, "one of each node: {list}");
    for line in tracked {
        let redirect = words(line, "redir=");
        assert!(redirect == "-1" || redirect == "0", "{line}");
        assert_eq!(words(line, "resp="), "3", "{line}");
    }
}

/// A reply that finds the session ended sends no version hint, because its client may be receiving
/// the token of its next session. It therefore waits until no node can serve an older state.
#[tokio::test]
async fn a_session_that_is_over_is_not_shown_older_than_it_was_seen() {
    let deployment = Deployment::open().await;
    let node = || deployment.node_with(|store| store.lease(LEASE), |sessions| sessions);
    let (a, b) = (node().await, node().await);
    let alice = Visitor::default();
    assert_eq!(b.add(&alice).await.unwrap(), 1);
    let tab = Visitor::with_cookie(alice.cookie());
    b.proxy.hold(ToClient);
    assert_eq!(a.add(&alice).await.unwrap(), 2);
    let visit = tab.enter(&a.sessions);
    assert_eq!(visit.get::<Count>().await.unwrap().map(|count| count.0), Some(2));
    a.destroy(&alice).await.unwrap();
    visit.leave().await;
    assert_eq!(tab.take_received(), None, "the token of an ended session is never sent");
    assert!(!matches!(b.count(&tab).await, Ok(Some(_))), "neither invalidation has arrived yet");
    b.proxy.release(ToClient);
    until("the node has noticed the end", async || matches!(b.count(&tab).await, Ok(None))).await;
}
