use cloakroom::Timestamp;
use cloakroom::store::{Destroyed, Guard, PageRequest, Store, StoreErrorKind, Touch};
use cloakroom_testkit::{Call, FaultyStore, ManualClock, SpyStore, Verb};

use crate::samples::{lease, put, record, selector, store_with_session};

#[tokio::test]
async fn every_call_is_logged_in_order() {
    let clock = ManualClock::new();
    let store = SpyStore::new(store_with_session(&clock).await);
    let (ada, seen) = ("ada".into(), record(&clock).last_seen);
    store.load(selector(1)).await.unwrap();
    store.create(selector(2), record(&clock)).await.unwrap();
    store.commit(selector(1), put(&clock, 2, "a")).await.unwrap();
    store.touch([1, 2].map(|n| Touch::new(selector(n), Guard::Anyone, seen)).to_vec()).await.unwrap();
    store.add_member(&ada, selector(1), Timestamp::MAX, None).await.unwrap();
    assert_eq!(store.list_members(&ada, PageRequest::first(10)).await.unwrap().items.len(), 1);
    assert_eq!(store.list(PageRequest::first(10)).await.unwrap().items.len(), 2);
    store.remove_members(&ada, vec![selector(1)]).await.unwrap();
    assert_eq!(store.destroy(selector(1), Guard::Anyone).await.unwrap(), Destroyed::Done);
    let expected = [
        Call::Load,
        Call::Create,
        Call::Commit,
        Call::Touch(2),
        Call::AddMember,
        Call::ListMembers,
        Call::List,
        Call::RemoveMembers,
        Call::Destroy,
    ];
    assert_eq!(store.calls(), expected);
    assert_eq!(store.take_calls(), expected);
    assert_eq!(store.calls(), []);
    assert!(store.inner().record(selector(1)).is_none(), "the calls reached the inner store");
}

#[tokio::test]
async fn clones_share_one_log() {
    let store = SpyStore::new(store_with_session(&ManualClock::new()).await);
    let other = store.clone();
    other.load(selector(1)).await.unwrap();
    other.load(selector(2)).await.unwrap();
    other.destroy(selector(2), Guard::Anyone).await.unwrap();
    assert_eq!((store.count(Verb::Load), store.count(Verb::Destroy), store.count(Verb::Touch)), (2, 1, 0));
}

#[tokio::test]
async fn a_call_that_has_begun_is_counted_even_if_it_fails() {
    let store = SpyStore::new(FaultyStore::new(store_with_session(&ManualClock::new()).await));
    drop(store.load(selector(1)));
    assert_eq!(store.count(Verb::Load), 0, "a future that was not polled makes no call");
    store.inner().fail_next(Verb::Load, StoreErrorKind::Unavailable);
    store.load(selector(1)).await.unwrap_err();
    assert_eq!(store.count(Verb::Load), 1);
}

#[tokio::test]
async fn checking_a_lease_is_not_counted_as_a_call() {
    let store = SpyStore::new(store_with_session(&ManualClock::new()).await);
    let lease = lease(&store).await;
    drop(store.take_calls());
    assert!(store.is_lease_valid(lease));
    assert_eq!(store.calls(), []);
}
