//! The server's news do not arrive, and nobody says so.

use std::time::{Duration, Instant};

use cloakroom_testbed::Direction::ToClient;

use crate::support::{House, LONG, Node, Visitor, until, without_hint};

const LEASE: Duration = Duration::from_millis(600);
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(250);

#[tokio::test]
async fn race_02_what_was_read_before_a_connection_broke_is_not_served_after() {
    let (_house, a, b) = House::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    let before = a.commands();
    a.wire.refuse().await.unwrap();
    a.wire.cut().await;
    assert_eq!(b.add(&alice).await.unwrap(), 2);
    a.wire.accept().await.unwrap();
    a.connects_again(&before).await;
    until("the node answers again", async || a.note(&stranger).await.is_ok()).await;
    assert_eq!(a.count(&stranger).await.unwrap(), Some(2));
}

/// How long `node` went on serving `old` out of its memory, from `since` on.
async fn served_for(node: &Node, stranger: &Visitor, old: u64, since: Instant) -> Duration {
    let mut served = Duration::ZERO;
    let end = since + LEASE * 6;
    while Instant::now() < end {
        let quick = tokio::time::timeout(Duration::from_millis(20), node.count(stranger)).await;
        match quick {
            Ok(Ok(Some(count))) if count == old => served = since.elapsed(),
            // It asks, or it knows that it cannot know.
            _ => return served,
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    served
}

#[tokio::test]
async fn race_04_over_a_half_open_line_copies_are_served_for_a_lease_and_no_longer() {
    let house = House::open().await;
    let (a, b) = (house.node_with_lease(LEASE).await, house.node_with_lease(LONG).await);
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    a.wire.swallow(ToClient);
    let since = Instant::now();
    b.destroy(&alice).await.unwrap();
    let served = served_for(&a, &stranger, 1, since).await;
    assert!(served > Duration::ZERO, "local hits go on within the lease");
    assert!(served <= LEASE + SLACK, "a session that is over was served for {served:?}");
    a.wire.pass();
    a.wire.cut().await;
    until("the node answers again", async || a.count(&stranger).await.is_ok()).await;
    assert_eq!(a.count(&stranger).await.unwrap(), None);
}

#[tokio::test]
async fn race_04_a_lease_counts_from_when_its_probe_was_sent_however_late_the_answer_is() {
    let house = House::open().await;
    let a = house.node_with_lease(LEASE).await;
    let b = house.node().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    a.wire.delay(ToClient, LEASE * 3 / 4);
    let before = a.commands();
    a.sends("role", &before).await;
    // The probe's answer is on its slow way, and nothing comes after it.
    let before = a.commands();
    let told = a.told();
    a.sends("role", &before).await;
    a.is_told_more_than(told).await;
    a.wire.swallow(ToClient);
    let since = Instant::now();
    b.add(&alice).await.unwrap();
    let served = stale_until(&a, &stranger, 1, since).await;
    assert!(served <= LEASE + SLACK, "old after {served:?}");
}

/// The last moment at which `node` served `old`, however often it did not in between.
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

/// Whether `a` hears of a change that `b` makes now.
async fn hears(a: &Node, b: &Node, alice: &Visitor) {
    let count = b.add(alice).await.unwrap();
    let stranger = without_hint(alice);
    until("the news arrive", async || a.count(&stranger).await.unwrap() == Some(count)).await;
}

#[tokio::test]
async fn race_11_a_node_hears_of_changes_after_its_own_writes_whichever_they_were() {
    let (_house, a, b) = House::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    hears(&a, &b, &alice).await;
    a.add(&alice).await.unwrap();
    hears(&a, &b, &alice).await;
    a.renew(&alice).await.unwrap();
    hears(&a, &b, &alice).await;
    a.login(&alice, "alice").await.unwrap();
    hears(&a, &b, &alice).await;
}

#[tokio::test]
async fn race_17_news_come_on_the_very_connection_that_reads() {
    let (house, a, b) = House::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    hears(&a, &b, &alice).await;
    let list = house.server.text(&["CLIENT", "LIST", "TYPE", "normal"]).await.unwrap();
    let words = |line: &str, name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)).unwrap().to_owned();
    let tracked: Vec<_> = list.lines().filter(|line| words(line, "flags=").contains('t')).collect();
    assert_eq!(tracked.len(), 2, "one of each node: {list}");
    for line in tracked {
        let redirect = words(line, "redir=");
        assert!(redirect == "-1" || redirect == "0", "{line}");
        assert_eq!(words(line, "resp="), "3", "{line}");
    }
}
