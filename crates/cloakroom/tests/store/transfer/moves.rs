//! What a move keeps, and moves that stop halfway.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloakroom::Clock;
use cloakroom::store::{
    Committed, Destroyed, Guard, Limit, LimitPolicy, PageRequest, PreviousSecret, Principal, Record, Store, StoreError,
    StoreErrorKind, Touch, Trace, Verifier, Writers,
};
use cloakroom::transfer::TransferStore;
use cloakroom_testkit::{FaultyStore, ManualClock, MemoryStore, Verb};

use super::hooked::{Hook, HookedStore};
use crate::samples::{HOUR, put, record, selector};

fn stores(clock: &ManualClock) -> (MemoryStore, MemoryStore) {
    (MemoryStore::with_clock(clock.clone()), MemoryStore::with_clock(clock.clone()))
}

/// A session whose record has everything that a record can have.
async fn insert(old: &MemoryStore, clock: &ManualClock) -> Record {
    let mut full = record(clock);
    full.previous = Some(PreviousSecret::renewed(Verifier::from_bytes([8; 16]), clock.now().after(HOUR)));
    full.lifetimes = full.lifetimes.with_persistent(true);
    old.create(selector(1), full).await.unwrap();
    old.add_member(&"ada".into(), selector(1), clock.now().after(24 * HOUR), None).await.unwrap();
    let Committed::Done(_) = old.commit(selector(1), put(clock, 2, "42")).await.unwrap() else { panic!("no commit") };
    old.record(selector(1)).unwrap()
}

fn assert_same_session(before: &Record, after: &Record) {
    assert_eq!(after.verifier, before.verifier);
    assert_eq!(after.previous, before.previous);
    assert_eq!(after.lifetimes, before.lifetimes);
    assert_eq!(after.last_seen, before.last_seen);
    assert_eq!(after.authentication, before.authentication);
    assert_eq!(after.values, before.values);
    assert_eq!((after.version, after.nonce), (before.version, before.nonce));
    // A commit whose reply was lost before the move is recognised after it.
    assert_eq!(after.writers.trace(before.nonce, before.version - 1), Trace::Applied);
}

#[tokio::test]
async fn a_session_moves_with_everything_it_has_and_leaves_nothing_behind() {
    let clock = ManualClock::new();
    let (old, new) = stores(&clock);
    let before = insert(&old, &clock).await;
    clock.advance(Duration::from_secs(30));
    let store = TransferStore::moving(old.clone(), new.clone()).unwrap();
    let after = store.load(selector(1)).await.unwrap().unwrap().record;
    assert_same_session(&before, &after);
    assert_eq!(new.record(selector(1)), Some(after));
    assert!(old.is_empty());
    assert!(old.list_members(&"ada".into(), PageRequest::first(9)).await.unwrap().items.is_empty());
    let members = new.list_members(&"ada".into(), PageRequest::first(9)).await.unwrap().items;
    assert_eq!(members.iter().map(|member| member.selector).collect::<Vec<_>>(), [selector(1)]);
}

#[tokio::test]
async fn everything_moves_without_a_request_and_the_report_counts_it() {
    let clock = ManualClock::new();
    let (old, new) = stores(&clock);
    for number in 1..=250 {
        old.create(selector(number), record(&clock)).await.unwrap();
    }
    let nodes = [(); 2].map(|()| TransferStore::moving(old.node(), new.node()).unwrap());
    let (first, second) = tokio::join!(nodes[0].transfer_all(), nodes[1].transfer_all());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first.is_complete() && second.is_complete(), "{first}; {second}");
    assert!(first.moved + second.moved >= 250, "{first}; {second}");
    assert!(old.is_empty());
    assert_eq!(new.len(), 250);
}

#[tokio::test]
async fn a_node_that_only_follows_refuses_to_move_everything() {
    let (old, new) = stores(&ManualClock::new());
    let error = TransferStore::following(old, new).unwrap().transfer_all().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("TransferStore::moving"), "{source}");
}

#[tokio::test]
async fn a_move_is_no_activity_of_the_session() {
    let clock = ManualClock::new();
    let (old, new) = stores(&clock);
    let before = insert(&old, &clock).await;
    clock.advance(HOUR - Duration::from_secs(1));
    let store = TransferStore::moving(old, new).unwrap();
    assert_eq!(store.load(selector(1)).await.unwrap().unwrap().record.last_seen, before.last_seen);
}

#[tokio::test]
async fn a_touch_and_a_logout_find_the_session_in_either_store() {
    let clock = ManualClock::new();
    for moving in [false, true] {
        let (old, new) = stores(&clock);
        let before = insert(&old, &clock).await;
        let follower = TransferStore::following(old.node(), new.node()).unwrap();
        if moving {
            TransferStore::moving(old.node(), new.node()).unwrap().load(selector(1)).await.unwrap().unwrap();
        }
        clock.advance(Duration::from_secs(60));
        let guard = Guard::Holder(before.verifier);
        follower.touch(vec![Touch::new(selector(1), guard, clock.now())]).await.unwrap();
        assert_eq!(follower.load(selector(1)).await.unwrap().unwrap().record.last_seen, clock.now());
        let stranger = Guard::Holder(Verifier::from_bytes([1; 16]));
        assert_eq!(follower.destroy(selector(1), stranger).await.unwrap(), Destroyed::Superseded);
        assert_eq!(follower.destroy(selector(1), guard).await.unwrap(), Destroyed::Done);
        assert!(old.is_empty() && new.is_empty());
    }
}

/// Ends the process of a move: from its n-th step on, nothing it does arrives.
#[derive(Clone)]
struct StopAfter(Arc<AtomicUsize>);

impl Hook for StopAfter {
    async fn pass(&self) -> Result<(), StoreError> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| StoreError::new(StoreErrorKind::Unknown, "the process has stopped"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_that_stops_at_any_step_is_completed_by_whichever_node_meets_it() {
    let clock = ManualClock::new();
    let mut steps = 0;
    loop {
        for other_moves in [false, true] {
            let (old, new) = stores(&clock);
            let before = insert(&old, &clock).await;
            let left = StopAfter(Arc::new(AtomicUsize::new(steps)));
            let hooked = |store: &MemoryStore| HookedStore { inner: store.node(), hook: left.clone(), namespace: "" };
            let stopped = TransferStore::moving(hooked(&old), hooked(&new)).unwrap();
            drop(stopped.load(selector(1)).await);
            let is_whole = old.is_empty();
            let make = if other_moves { TransferStore::moving } else { TransferStore::following };
            let node = make(old.node(), new.node()).unwrap();
            let found = node.load(selector(1)).await.unwrap().expect("nobody is logged out").record;
            if other_moves || is_whole {
                assert_same_session(&before, &found);
                // A record that is decided and complete is left behind until then.
                assert!(!other_moves || node.transfer_all().await.unwrap().is_complete());
                assert!(old.is_empty(), "after {steps} steps");
            } else {
                assert_eq!((found.verifier, &found.authentication), (before.verifier, &before.authentication));
            }
            let mut commit = put(&clock, 77, "43");
            commit.guard = Guard::Holder(before.verifier);
            assert!(matches!(node.commit(selector(1), commit).await.unwrap(), Committed::Done(_)));
            assert_eq!(node.destroy(selector(1), Guard::Anyone).await.unwrap(), Destroyed::Done);
            assert!(node.load(selector(1)).await.unwrap().is_none());
            if other_moves && is_whole {
                return assert!(steps > 20, "the move took only {steps} steps");
            }
        }
        steps += 1;
    }
}

#[tokio::test]
async fn the_limit_of_sessions_counts_those_in_both_stores() {
    let clock = ManualClock::new();
    let ada: Principal = "ada".into();
    let until = clock.now().after(24 * HOUR);
    for policy in [LimitPolicy::Reject, LimitPolicy::EndOldest] {
        for moving in [false, true] {
            let (old, new) = stores(&clock);
            for (store, number) in [(&old, 1), (&old, 2), (&new, 3)] {
                store.create(selector(number), record(&clock)).await.unwrap();
                store.add_member(&ada, selector(number), until, None).await.unwrap();
            }
            let make = if moving { TransferStore::moving } else { TransferStore::following };
            let store = make(old.clone(), new.clone()).unwrap();
            store.create(selector(4), record(&clock)).await.unwrap();
            let limit = Some(Limit::new(3.try_into().unwrap(), policy));
            let mut admission = store.add_member(&ada, selector(4), until, limit).await.unwrap();
            let mut ended = 0;
            if policy == LimitPolicy::Reject {
                assert!(matches!(admission, cloakroom::store::Admission::Refused));
                continue;
            }
            loop {
                use cloakroom::store::Admission::{Admitted, Incomplete};
                let (displaced, is_last) = match admission {
                    Admitted { displaced } => (displaced, true),
                    Incomplete { displaced } => (displaced, false),
                    other => panic!("{other:?}"),
                };
                ended += displaced.len();
                assert!(displaced.iter().all(|member| *member == selector(1)), "the oldest session has to end");
                store
                    .destroy_many(displaced.clone())
                    .await
                    .into_iter()
                    .for_each(|result| assert_eq!(result.unwrap(), Destroyed::Done));
                store.remove_members(&ada, displaced).await.unwrap();
                if is_last {
                    break;
                }
                admission = store.add_member(&ada, selector(4), until, limit).await.unwrap();
            }
            assert_eq!(ended, 1, "moving: {moving}");
            assert_eq!(old.len() + new.len(), 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_survives_any_number_of_moves_that_fail() {
    let clock = ManualClock::new();
    let (old, new) = stores(&clock);
    let before = insert(&old, &clock).await;
    for attempt in 0..12 {
        let faulty = FaultyStore::new(new.node());
        let node = TransferStore::moving(old.node(), faulty.clone()).unwrap();
        // The first creation of a process is its trial of the new store.
        faulty.create(selector(100 + attempt), record(&clock)).await.unwrap();
        node.load(selector(200)).await.unwrap();
        old.create(selector(20), record(&clock)).await.unwrap();
        node.load(selector(20)).await.unwrap().unwrap();
        new.destroy(selector(20), Guard::Anyone).await.unwrap();
        faulty.fail_next(Verb::Create, StoreErrorKind::Refused);
        assert_eq!(node.load(selector(1)).await.unwrap_err().kind(), StoreErrorKind::Refused);
    }
    let found = TransferStore::moving(old, new).unwrap().load(selector(1)).await.unwrap().unwrap().record;
    assert_eq!((found.verifier, found.version, found.nonce), (before.verifier, before.version, before.nonce));
    assert_eq!(found.values, before.values);
}

#[tokio::test]
async fn a_record_that_remembers_no_write_moves_too() {
    let clock = ManualClock::new();
    let (old, new) = stores(&clock);
    let mut before = record(&clock);
    before.version = 40;
    before.writers = Writers::new(Vec::new(), before.version);
    old.create(selector(1), before.clone()).await.unwrap();
    let store = TransferStore::moving(old, new).unwrap();
    let after = store.load(selector(1)).await.unwrap().expect("the session is alive").record;
    assert_eq!((after.verifier, after.version), (before.verifier, before.version));
}

#[tokio::test]
async fn sessions_stay_where_they_are_while_the_new_store_refuses_them() {
    let clock = ManualClock::new();
    let (old, new) = stores(&clock);
    let before = insert(&old, &clock).await;
    let faulty = FaultyStore::new(new.node());
    let store = TransferStore::moving(old.clone(), faulty.clone()).unwrap();
    faulty.fail_next(Verb::Create, StoreErrorKind::Refused);
    assert_eq!(store.load(selector(1)).await.unwrap().unwrap().record, before);
    faulty.fail_next(Verb::Create, StoreErrorKind::Refused);
    let report = store.transfer_all().await.unwrap();
    assert!(!report.is_complete() && report.failed == 1 && report.moved == 0, "{report}");
    assert_eq!(report.failures[0].error.kind(), StoreErrorKind::Refused);
    assert_eq!(old.record(selector(1)).unwrap(), before);
    faulty.fail_all(StoreErrorKind::Unavailable);
    assert_eq!(store.destroy(selector(1), Guard::Holder(before.verifier)).await.unwrap(), Destroyed::Done);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_in_the_other_direction_loses_no_session_that_the_first_one_left_halfway() {
    let clock = ManualClock::new();
    for steps in 0..24 {
        let (old, new) = stores(&clock);
        let before = insert(&old, &clock).await;
        let left = StopAfter(Arc::new(AtomicUsize::new(steps)));
        let hooked = |store: &MemoryStore| HookedStore { inner: store.node(), hook: left.clone(), namespace: "" };
        let stopped = TransferStore::moving(hooked(&old), hooked(&new)).unwrap();
        drop(stopped.load(selector(1)).await);
        // Whether it succeeds or is refused, it must not make anything worse.
        drop(TransferStore::moving(new.node(), old.node()).unwrap().load(selector(1)).await);
        let first = TransferStore::moving(old.node(), new.node()).unwrap();
        let found = first.load(selector(1)).await.unwrap().unwrap_or_else(|| panic!("lost after {steps} steps"));
        assert_eq!(found.record.verifier, before.verifier, "after {steps} steps");
    }
}

#[tokio::test]
async fn stores_of_different_namespaces_are_refused() {
    let hook = StopAfter(Arc::default());
    let named = |namespace| HookedStore { inner: MemoryStore::new(), hook: hook.clone(), namespace };
    let error = TransferStore::moving(named("shop"), named("app")).unwrap_err();
    assert_eq!(error.setting(), "namespace");
    assert!(error.problem().contains("\"shop\"") && error.problem().contains("\"app\""), "{error}");
}
