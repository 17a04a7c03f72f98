use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{Guard, Lease, PageRequest, Store, Touch};
use cloakroom_testkit::{ManualClock, MemoryStore};

use crate::samples::{HOUR, InvalidationLog, is_done, lease, put, record, selector, store_with_session, text};

#[tokio::test]
async fn a_change_is_reported_to_other_nodes_and_not_to_its_own() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    let node = store.node();
    let (own, other) = (InvalidationLog::subscribe(&store.clone()), InvalidationLog::subscribe(&node));
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    store.touch(vec![Touch::new(selector(1), Guard::Anyone, Timestamp::MAX)]).await.unwrap();
    store.destroy(selector(1), Guard::Anyone).await.unwrap();
    assert_eq!(other.take(), [Some(selector(1)); 3]);
    assert_eq!(own.take(), []);
}

#[tokio::test]
async fn a_call_without_effect_is_reported_to_no_node() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    let other = InvalidationLog::subscribe(&store.node());
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    other.take();
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    store.commit(selector(2), put(&clock, 3, "a")).await.unwrap();
    store.touch(vec![Touch::new(selector(2), Guard::Anyone, Timestamp::MAX)]).await.unwrap();
    store.destroy(selector(2), Guard::Anyone).await.unwrap();
    assert_eq!(other.take(), []);
}

#[tokio::test]
async fn paused_invalidations_are_delivered_in_order_or_dropped() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    store.create(selector(2), record(&clock)).await.unwrap();
    let node = store.node();
    let invalidations = InvalidationLog::subscribe(&node);
    for delivers in [true, false] {
        node.pause_invalidations();
        store.commit(selector(1), put(&clock, 10 + u64::from(delivers), "a")).await.unwrap();
        store.commit(selector(2), put(&clock, 20 + u64::from(delivers), "a")).await.unwrap();
        assert_eq!(invalidations.take(), [], "an invalidation arrived during the pause");
        if delivers {
            node.deliver_invalidations();
            assert_eq!(invalidations.take(), [Some(selector(1)), Some(selector(2))]);
        } else {
            node.drop_invalidations();
            assert_eq!(invalidations.take(), []);
        }
    }
    store.commit(selector(1), put(&clock, 30, "a")).await.unwrap();
    assert_eq!(invalidations.take(), [Some(selector(1))], "the pause did not end");
}

#[tokio::test]
async fn a_disconnected_node_has_no_valid_lease_until_it_reads_again() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    let node = store.node();
    let invalidations = InvalidationLog::subscribe(&node);
    let before = lease(&node).await;
    assert!(node.is_lease_valid(before));

    node.disconnect();
    assert!(!node.is_lease_valid(before));
    assert_eq!(invalidations.take(), [None]);
    assert_eq!(lease(&node).await, Lease::NONE);
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    assert_eq!(invalidations.take(), [], "a disconnected node received an invalidation");

    node.reconnect();
    assert!(!node.is_lease_valid(before), "a copy from before the disconnection may have missed a change");
    assert!(node.is_lease_valid(lease(&node).await));
    store.commit(selector(1), put(&clock, 3, "b")).await.unwrap();
    assert_eq!(invalidations.take(), [Some(selector(1))]);
}

#[tokio::test]
async fn a_lease_is_not_valid_on_another_node() {
    let store = store_with_session(&ManualClock::new()).await;
    let node = store.node();
    assert!(!node.is_lease_valid(lease(&store).await));
    assert!(!store.is_lease_valid(lease(&node).await));
    assert!(store.clone().is_lease_valid(lease(&store).await), "a clone is the same instance");
}

#[tokio::test]
async fn a_dropped_node_is_unsubscribed() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    let node = store.node();
    let invalidations = InvalidationLog::subscribe(&node);
    assert_eq!(Arc::strong_count(&invalidations), 2);
    drop(node);
    assert_eq!(Arc::strong_count(&invalidations), 1, "the store delivers the subscriber of a dropped node");
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    assert_eq!(invalidations.take(), []);
}

#[tokio::test]
async fn a_flush_removes_everything_and_invalidates_every_node() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    store.add_member(&"ada".into(), selector(1), Timestamp::MAX, None).await.unwrap();
    let both = [InvalidationLog::subscribe(&store), InvalidationLog::subscribe(&store.node())];
    let node = store.node();
    let third = InvalidationLog::subscribe(&node);
    store.flush();
    assert!(store.is_empty() && store.selectors().is_empty());
    assert_eq!(both[0].take(), [None]);
    assert_eq!(third.take(), [None]);
    store.create(selector(1), record(&clock)).await.unwrap();
    let listed = store.list_members(&"ada".into(), PageRequest::first(10)).await.unwrap();
    assert!(listed.items.is_empty(), "the index outlived the flush");
}

#[tokio::test]
async fn a_rollback_sends_no_invalidation() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    let invalidations = InvalidationLog::subscribe(&store);
    store.commit(selector(1), put(&clock, 2, "lost")).await.unwrap();
    store.roll_back(selector(1), record(&clock));
    let rolled_back = store.record(selector(1)).unwrap();
    assert_eq!((rolled_back.version, text(&rolled_back)), (1, &b"{\"items\":[]}"[..]));
    store.destroy(selector(1), Guard::Anyone).await.unwrap();
    store.roll_back(selector(1), record(&clock));
    assert!(store.load(selector(1)).await.unwrap().is_some(), "a failover may bring a destroyed session back");
    assert_eq!(invalidations.take(), []);
}

#[tokio::test]
async fn expired_records_are_removed_on_access_or_when_purged() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    store.create(selector(2), record(&clock)).await.unwrap();
    clock.advance(2 * HOUR);
    store.create(selector(3), record(&clock)).await.unwrap();
    assert_eq!(store.len(), 3, "nothing has accessed the expired records yet");
    assert_eq!(store.record(selector(1)), None);
    assert_eq!(store.len(), 2);
    assert_eq!(store.purge_expired(), 1);
    assert_eq!(store.selectors(), [selector(3)]);
}

#[tokio::test]
async fn the_dump_contains_everything_in_the_store() {
    let clock = ManualClock::new();
    let store = store_with_session(&clock).await;
    store.add_member(&"grace".into(), selector(7), Timestamp::MAX, None).await.unwrap();
    let dump = store.dump();
    let contains = |bytes: &[u8]| dump.windows(bytes.len()).any(|window| window == bytes);
    for part in [&[1; 16][..], &[9; 16], b"ada", b"Firefox", b"cart", b"{\"items\":[]}", b"grace", &[7; 16]] {
        assert!(contains(part), "{part:?} is not in the dump");
    }
    store.flush();
    assert!(store.dump().is_empty());
}

#[tokio::test]
async fn a_clock_that_jumps_neither_panics_nor_passes_the_absolute_deadline() {
    let clock = ManualClock::new();
    let start = record(&clock).lifetimes.created_at();
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
async fn a_store_works_on_the_system_clock() {
    let store = MemoryStore::default();
    let now = cloakroom::Clock::now(&cloakroom::SystemClock::new());
    let clock = ManualClock::starting_at(now.after(Duration::from_secs(1)));
    store.create(selector(1), record(&clock)).await.unwrap();
    assert!(is_done(&store.commit(selector(1), put(&clock, 2, "a")).await.unwrap()));
    assert_eq!(format!("{store:?}"), "MemoryStore { records: 1, .. }");
}
