use cloakroom::Timestamp;
use cloakroom::store::{Destroyed, Guard, PageRequest, Store, StoreErrorKind};
use cloakroom_testkit::{FaultRates, FaultyStore, ManualClock, MemoryStore, Verb};

use crate::samples::{is_done, put, selector, store_with_session, text};

async fn faulty(clock: &ManualClock) -> FaultyStore<MemoryStore> {
    FaultyStore::new(store_with_session(clock).await)
}

#[tokio::test]
async fn a_scripted_failure_replaces_the_next_call_of_its_verb() {
    let clock = ManualClock::new();
    let store = faulty(&clock).await;
    store.fail_next(Verb::Commit, StoreErrorKind::Refused);
    store.fail_next(Verb::Commit, StoreErrorKind::Unavailable);
    store.load(selector(1)).await.unwrap();
    for kind in [StoreErrorKind::Refused, StoreErrorKind::Unavailable] {
        let error = store.commit(selector(1), put(&clock, 2, "a")).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
    assert_eq!(store.inner().record(selector(1)).unwrap().version, 1);
    assert!(is_done(&store.commit(selector(1), put(&clock, 2, "a")).await.unwrap()));
}

#[tokio::test]
async fn a_lost_reply_is_an_error_although_the_call_took_effect() {
    let clock = ManualClock::new();
    let store = faulty(&clock).await;
    store.lose_reply_next(Verb::Destroy);
    assert_eq!(store.destroy(selector(1), Guard::Anyone).await.unwrap_err().kind(), StoreErrorKind::Unknown);
    assert!(store.inner().is_empty());
    assert_eq!(store.destroy(selector(1), Guard::Anyone).await.unwrap(), Destroyed::Gone);
}

#[tokio::test]
async fn a_store_that_is_down_fails_every_call_until_it_is_reset() {
    let clock = ManualClock::new();
    let store = faulty(&clock).await;
    store.fail_all(StoreErrorKind::Unavailable);
    let ada = "ada".into();
    let failures = [
        store.load(selector(1)).await.map(drop),
        store.create(selector(2), store.inner().record(selector(1)).unwrap()).await.map(drop),
        store.commit(selector(1), put(&clock, 2, "a")).await.map(drop),
        store.touch(Vec::new()).await,
        store.destroy(selector(1), Guard::Anyone).await.map(drop),
        store.add_member(&ada, selector(1), Timestamp::MAX, None).await.map(drop),
        store.remove_members(&ada, vec![selector(1)]).await,
        store.list_members(&ada, PageRequest::first(10)).await.map(drop),
        store.list(PageRequest::first(10)).await.map(drop),
    ];
    for failure in failures {
        assert_eq!(failure.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    assert_eq!(store.inner().len(), 1);
    assert_eq!(store.inner().record(selector(1)).unwrap().version, 1);
    store.reset();
    store.load(selector(1)).await.unwrap();
}

#[tokio::test]
async fn a_gate_pauses_a_call_before_it_acts_and_before_it_replies() {
    let clock = ManualClock::new();
    let store = faulty(&clock).await;
    let gate = store.delay_next(Verb::Commit);
    let commit = tokio::spawn({
        let (store, commit) = (store.clone(), put(&clock, 2, "a"));
        async move { store.commit(selector(1), commit).await }
    });
    assert!(gate.arrived().await);
    assert_eq!(
        store.inner().record(selector(1)).unwrap().version,
        1,
        "the call took effect before the gate allowed it"
    );
    assert!(gate.let_act().await);
    assert_eq!(store.inner().record(selector(1)).unwrap().version, 2);
    assert!(!commit.is_finished(), "the call returned before the gate was open");
    gate.open();
    assert!(is_done(&commit.await.unwrap().unwrap()));
}

#[tokio::test]
async fn a_gate_that_is_dropped_is_open() {
    let store = faulty(&ManualClock::new()).await;
    drop(store.delay_next(Verb::Load));
    assert!(store.load(selector(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_gate_reports_that_no_call_will_arrive() {
    let store = faulty(&ManualClock::new()).await;
    let gate = store.delay_next(Verb::Load);
    let cancelled = store.delay_next(Verb::Destroy);
    store.fail_next(Verb::Load, StoreErrorKind::Unavailable);
    let destroy = tokio::spawn({
        let store = store.clone();
        async move { store.destroy(selector(1), Guard::Anyone).await }
    });
    assert!(cancelled.arrived().await);
    destroy.abort();
    destroy.await.unwrap_err();
    assert!(!cancelled.let_act().await, "the caller gave up");
    assert_eq!(store.inner().len(), 1);
    store.reset();
    assert!(!gate.arrived().await, "the scripted delay was dropped");
    store.load(selector(1)).await.unwrap();
}

#[tokio::test]
async fn a_corrupt_load_changes_every_returned_value_once() {
    let store = faulty(&ManualClock::new()).await;
    store.corrupt_next_load();
    assert!(store.load(selector(2)).await.unwrap().is_none());
    let corrupted = store.load(selector(1)).await.unwrap().unwrap().record;
    assert!(std::str::from_utf8(text(&corrupted)).is_err(), "the corrupted value is valid text and might decode");
    let intact = store.load(selector(1)).await.unwrap().unwrap().record;
    assert_eq!(text(&intact), b"{\"items\":[]}");
    assert_eq!(store.inner().record(selector(1)).unwrap(), intact);
}

/// Returns the errors of 200 loads.
async fn load_errors(seed: u64, rates: FaultRates) -> Vec<Option<StoreErrorKind>> {
    let store = faulty(&ManualClock::new()).await;
    store.roll(seed, rates);
    let mut load_errors = Vec::new();
    for _ in 0..200 {
        load_errors.push(store.load(selector(1)).await.err().map(|error| error.kind()));
    }
    store.reset();
    assert!(store.load(selector(1)).await.is_ok());
    load_errors
}

#[tokio::test]
async fn random_faults_depend_only_on_their_seed() {
    let rates = FaultRates::default().unavailable(20).lost_reply(20).dawdle(20).corrupt_load(20);
    let first = load_errors(1, rates).await;
    assert_eq!(first, load_errors(1, rates).await);
    assert_ne!(first, load_errors(2, rates).await);
    for kind in [None, Some(StoreErrorKind::Unavailable), Some(StoreErrorKind::Unknown)] {
        assert!(first.contains(&kind), "{kind:?} never occurred");
    }
}

#[tokio::test]
async fn a_rate_of_0_never_fails_and_a_rate_of_100_always_does() {
    assert_eq!(load_errors(1, FaultRates::default()).await, [None; 200]);
    let always = Some(StoreErrorKind::Unavailable);
    assert_eq!(load_errors(1, FaultRates::default().unavailable(100)).await, [always; 200]);
}
