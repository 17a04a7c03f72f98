use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{Guard, Lease, PageRequest, Store, Touch};
use cloakroom_testkit::{ManualClock, MemoryStore};

use crate::samples::{HOUR, Told, is_done, lease, put, record, selector, store_with_session, text};

#[tokio::test]
async fn other_nodes_are_told_of_a_change_and_the_own_one_is_not() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    let node = store.node();
    let (own, other) = (Told::attach(&store.clone()), Told::attach(&node));
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    store.touch(vec![Touch::new(selector(1), Guard::Anyone, Timestamp::MAX)]).await.unwrap();
    store.destroy(selector(1), Guard::Anyone).await.unwrap();
    assert_eq!(other.take(), [Some(selector(1)); 3]);
    assert_eq!(own.take(), []);
}

#[tokio::test]
async fn nobody_is_told_of_what_did_not_happen() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    let other = Told::attach(&store.node());
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    other.take();
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    store.commit(selector(2), put(&clock, 3, "a")).await.unwrap();
    store.touch(vec![Touch::new(selector(2), Guard::Anyone, Timestamp::MAX)]).await.unwrap();
    store.destroy(selector(2), Guard::Anyone).await.unwrap();
    assert_eq!(other.take(), []);
}

#[tokio::test]
async fn paused_news_are_delivered_in_order_or_lost() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    store.create(selector(2), record(&clock)).await.unwrap();
    let node = store.node();
    let told = Told::attach(&node);
    for keeps in [true, false] {
        node.pause_invalidations();
        store.commit(selector(1), put(&clock, 10 + u64::from(keeps), "a")).await.unwrap();
        store.commit(selector(2), put(&clock, 20 + u64::from(keeps), "a")).await.unwrap();
        assert_eq!(told.take(), [], "told during the pause");
        if keeps {
            node.deliver_invalidations();
            assert_eq!(told.take(), [Some(selector(1)), Some(selector(2))]);
        } else {
            node.drop_invalidations();
            assert_eq!(told.take(), []);
        }
    }
    store.commit(selector(1), put(&clock, 30, "a")).await.unwrap();
    assert_eq!(told.take(), [Some(selector(1))], "the pause did not end");
}

#[tokio::test]
async fn a_node_that_is_cut_off_vouches_for_nothing_until_it_is_back_and_reads_again() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    let node = store.node();
    let told = Told::attach(&node);
    let before = lease(&node).await;
    assert!(node.is_lease_valid(before));

    node.disconnect();
    assert!(!node.is_lease_valid(before));
    assert_eq!(told.take(), [None]);
    assert_eq!(lease(&node).await, Lease::NONE);
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    assert_eq!(told.take(), [], "a node that is cut off was told");

    node.reconnect();
    assert!(!node.is_lease_valid(before), "a copy from before the break may have missed a change");
    assert!(node.is_lease_valid(lease(&node).await));
    store.commit(selector(1), put(&clock, 3, "b")).await.unwrap();
    assert_eq!(told.take(), [Some(selector(1))]);
}

#[tokio::test]
async fn no_node_vouches_for_the_lease_of_another() {
    let store = store_with_session(&ManualClock::new()).await;
    let node = store.node();
    assert!(!node.is_lease_valid(lease(&store).await));
    assert!(!store.is_lease_valid(lease(&node).await));
    assert!(store.clone().is_lease_valid(lease(&store).await), "a clone is the same instance");
}

#[tokio::test]
async fn a_node_that_is_gone_is_forgotten() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    let node = store.node();
    let told = Told::attach(&node);
    assert_eq!(Arc::strong_count(&told), 2);
    drop(node);
    assert_eq!(Arc::strong_count(&told), 1, "the store keeps the copies of a node that nobody has any more");
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    assert_eq!(told.take(), []);
}

#[tokio::test]
async fn a_flush_loses_everything_and_tells_everybody() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    store.add_member(&"ada".into(), selector(1), Timestamp::MAX, None).await.unwrap();
    let both = [Told::attach(&store), Told::attach(&store.node())];
    let node = store.node();
    let third = Told::attach(&node);
    store.flush();
    assert!(store.is_empty() && store.selectors().is_empty());
    assert_eq!(both[0].take(), [None]);
    assert_eq!(third.take(), [None]);
    store.create(selector(1), record(&clock)).await.unwrap();
    let listed = store.list_members(&"ada".into(), PageRequest::first(10)).await.unwrap();
    assert!(listed.items.is_empty(), "the index outlived the flush");
}

#[tokio::test]
async fn a_failover_goes_back_without_a_word() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    let told = Told::attach(&store);
    store.commit(selector(1), put(&clock, 2, "lost")).await.unwrap();
    store.roll_back(selector(1), record(&clock));
    let rolled_back = store.record(selector(1)).unwrap();
    assert_eq!((rolled_back.version, text(&rolled_back)), (1, &b"{\"items\":[]}"[..]));
    store.destroy(selector(1), Guard::Anyone).await.unwrap();
    store.roll_back(selector(1), record(&clock));
    assert!(store.load(selector(1)).await.unwrap().is_some(), "a failover may bring a destroyed session back");
    assert_eq!(told.take(), []);
}

#[tokio::test]
async fn expired_records_go_when_they_are_met_or_purged() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    store.create(selector(2), record(&clock)).await.unwrap();
    clock.advance(2 * HOUR);
    store.create(selector(3), record(&clock)).await.unwrap();
    assert_eq!(store.len(), 3, "nothing has met the expired ones yet");
    assert_eq!(store.record(selector(1)), None);
    assert_eq!(store.len(), 2);
    assert_eq!(store.purge_expired(), 1);
    assert_eq!(store.selectors(), [selector(3)]);
}

#[tokio::test]
async fn the_dump_holds_whatever_the_store_holds() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    store.add_member(&"grace".into(), selector(7), Timestamp::MAX, None).await.unwrap();
    let dump = store.dump();
    let holds = |bytes: &[u8]| dump.windows(bytes.len()).any(|window| window == bytes);
    for held in [&[1; 16][..], &[9; 16], b"ada", b"Firefox", b"cart", b"{\"items\":[]}", b"grace", &[7; 16]] {
        assert!(holds(held), "{held:?} is not in the dump");
    }
    store.flush();
    assert!(store.dump().is_empty());
}

#[tokio::test]
async fn a_clock_that_jumps_neither_panics_nor_passes_the_absolute_deadline() {
    let clock = ManualClock::new();
    let start = record(&clock).lifetimes.created_at;
    for jump in [Timestamp::from_millis(0), Timestamp::from_millis(start.as_millis() - 3_600_000), Timestamp::MAX] {
        clock.set(start);
        let store = store_with_session(&clock).await;
        clock.set(jump);
        store.touch(vec![Touch::new(selector(1), Guard::Anyone, jump)]).await.unwrap();
        drop(store.commit(selector(1), put(&clock, 2, "a")).await.unwrap());
        clock.set(start.after(24 * HOUR));
        assert!(store.load(selector(1)).await.unwrap().is_none(), "alive past its deadline after a jump to {jump:?}");
    }
}

#[tokio::test]
async fn a_store_on_the_machines_clock_works_too() {
    let store = MemoryStore::default();
    let now = cloakroom::Clock::now(&cloakroom::SystemClock::new());
    let clock = ManualClock::starting_at(now.after(Duration::from_secs(1)));
    store.create(selector(1), record(&clock)).await.unwrap();
    assert!(is_done(&store.commit(selector(1), put(&clock, 2, "a")).await.unwrap()));
    assert_eq!(format!("{store:?}"), "MemoryStore { records: 1, .. }");
}
