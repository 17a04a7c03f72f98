//! A panic on the task that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cloakroom::store::{Expect, Invalidate, Selector, Store, StoreErrorKind};
use cloakroom::{Clock, SystemClock, Timestamp};
use cloakroom_sqlx::OpenError;

use crate::backend::{folder, impatient};
use crate::samples::{KEY, count, insert, json, now, put, record, selector, word};
use crate::support::{Cart, Visitor, recorded, until};

/// A clock that panics when it is read for the first time after it was armed.
#[derive(Clone, Debug, Default)]
struct BrittleClock(Arc<AtomicBool>);

impl BrittleClock {
    fn arm(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clock for BrittleClock {
    fn now(&self) -> Timestamp {
        assert!(!self.0.swap(false, Ordering::Relaxed), "the clock was armed by the test");
        SystemClock::new().now()
    }

    /// The cleaner never runs, so that it does not read the clock.
    fn sleep(&self, _duration: std::time::Duration) -> cloakroom::Sleep {
        Box::pin(std::future::pending())
    }
}

/// A local tier that panics so many times.
#[derive(Default)]
struct BrittleTier {
    panics: AtomicUsize,
    emptied: AtomicUsize,
}

impl BrittleTier {
    fn panic(&self) {
        let left = self.panics.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(left.is_err(), "the test wants this panic");
    }
}

impl Invalidate for BrittleTier {
    fn invalidate(&self, _selector: Selector) {
        self.panic();
    }

    fn invalidate_all(&self) {
        self.panic();
        self.emptied.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_panic_in_a_transaction_undoes_it_and_the_store_goes_on() {
    let (_folder, path) = folder();
    let clock = BrittleClock::default();
    let store = impatient().clock(clock.clone()).open(&path).await.expect("it is created");
    let tier = Arc::new(BrittleTier::default());
    store.subscribe(Arc::clone(&tier) as Arc<dyn Invalidate>);
    insert(&store, 1, record(now())).await;
    for number in 1..=20 {
        let commit = || put(number, number << 32, KEY, Expect::Any, json(&number.to_string()));
        clock.arm();
        let error = store.commit(selector(1), commit()).await.expect_err("the clock panics");
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error:?}");
        assert!(format!("{error:?}").contains("interrupted by a panic"), "{error:?}");
        let found = store.load(selector(1)).await.expect("it is open").expect("it was created").record;
        assert_eq!((found.version, count(&found)), (number, number - 1), "the transaction was undone");
        assert_eq!(word(&store.commit(selector(1), commit()).await.expect("it goes on")), "done");
        assert_eq!(tier.emptied.load(Ordering::Relaxed) as u64, number, "nobody knows which copies are good");
    }
    let error = impatient().open(&path).await.expect_err("the file was never released");
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    store.close().await;
    let again = impatient().open(&path).await.expect("it was released");
    let found = again.load(selector(1)).await.expect("it is open").expect("it was created").record;
    assert_eq!(count(&found), 20);
}

#[tokio::test]
async fn a_panic_after_a_commit_does_not_repeat_it() {
    let (_folder, path) = folder();
    let store = impatient().open(&path).await.expect("it is created");
    let tier = Arc::new(BrittleTier::default());
    let other = store.clone();
    other.subscribe(Arc::clone(&tier) as Arc<dyn Invalidate>);
    insert(&store, 1, record(now())).await;
    tier.panics.store(1, Ordering::Relaxed);
    let commit = || put(1, 1 << 32, KEY, Expect::Version(0), json("1"));
    let error = store.commit(selector(1), commit()).await.expect_err("the tier panics before the answer");
    assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error:?}");
    assert_eq!(word(&store.commit(selector(1), commit()).await.expect("it goes on")), "done");
    let found = store.load(selector(1)).await.expect("it is open").expect("it was created").record;
    assert_eq!((found.version, count(&found)), (2, 1), "it was applied once");
}

#[tokio::test]
async fn a_store_whose_copies_cannot_be_dropped_after_a_panic_is_closed() {
    let (_folder, path) = folder();
    let store = impatient().open(&path).await.expect("it is created");
    let tier = Arc::new(BrittleTier::default());
    let other = store.clone();
    other.subscribe(Arc::clone(&tier) as Arc<dyn Invalidate>);
    insert(&store, 1, record(now())).await;
    let lease = store.load(selector(1)).await.expect("it is open").expect("it was created").lease;
    tier.panics.store(2, Ordering::Relaxed);
    let commit = put(1, 1 << 32, KEY, Expect::Version(0), json("1"));
    let error = store.commit(selector(1), commit).await.expect_err("the tier panics");
    assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error:?}");
    until("no copy may be served", async || !store.is_lease_valid(lease)).await;
    let error = store.load(selector(1)).await.expect_err("it is closed");
    assert!(format!("{error:?}").contains("the store was closed"), "{error:?}");
    let again = cloakroom_sqlx::SqliteStore::open(&path).await.expect("the file was released");
    let found = again.load(selector(1)).await.expect("it is open").expect("it was created").record;
    assert_eq!(count(&found), 1, "the change was committed before the panic");
}

#[tokio::test]
async fn a_visitor_does_not_notice_a_panic_of_the_store() {
    let (_folder, path) = folder();
    let clock = BrittleClock::default();
    let store = impatient().clock(clock.clone()).open(&path).await.expect("it is created");
    let sessions = recorded().store(store).build().expect("valid");
    let visitor = Visitor::default();
    let visit = visitor.enter(&sessions);
    visit.set(Cart(vec!["tea".to_owned()])).await.expect("the store is up");
    clock.arm();
    let added = visit.update(|cart: &mut Cart| cart.0.push("cups".to_owned()));
    added.await.expect("the change is sent once more");
    let cart = visit.get::<Cart>().await.expect("the store is up");
    assert_eq!(cart.as_deref(), Some(&Cart(vec!["tea".to_owned(), "cups".to_owned()])));
    visit.leave().await;
}
