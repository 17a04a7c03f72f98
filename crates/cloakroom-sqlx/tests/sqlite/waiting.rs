//! Calls that wait for a lock that another program holds on the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloakroom::store::{Committed, Destroyed, Expect, Guard, Invalidate, Selector, Store};
use cloakroom_testkit::ManualClock;
use sqlx::SqliteConnection;

use crate::backend::{folder, impatient};
use crate::samples::{insert, json, now, put, record, record_living, selector};
use crate::support::connect;

/// Counts the invalidations that a local tier gets.
#[derive(Default)]
struct Tier(AtomicUsize);

impl Invalidate for Tier {
    fn invalidate(&self, _selector: Selector) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn invalidate_all(&self) {}
}

async fn lock(database: &mut SqliteConnection) {
    sqlx::query("BEGIN IMMEDIATE").execute(database).await.expect("it is free");
}

async fn unlock(database: &mut SqliteConnection) {
    sqlx::query("ROLLBACK").execute(database).await.expect("it is locked");
}

/// The client of a logout goes away while the logout waits. Another request may have read the
/// session since, and would keep it otherwise.
#[tokio::test]
async fn a_change_whose_caller_is_gone_invalidates_the_copies_of_its_own_node() {
    let (_folder, path) = folder();
    let store = impatient().open(&path).await.expect("it is created");
    let tier = Arc::new(Tier::default());
    store.subscribe(Arc::clone(&tier) as Arc<dyn Invalidate>);
    insert(&store, 1, record(now())).await;
    let mut other = connect(&path).await;
    lock(&mut other).await;
    let destroy = store.destroy(selector(1), Guard::Anyone);
    assert!(tokio::time::timeout(Duration::from_millis(50), destroy).await.is_err(), "it waits for the lock");
    assert!(store.load(selector(1)).await.expect("reads do not wait").is_some());
    assert_eq!(tier.0.load(Ordering::Relaxed), 0);
    unlock(&mut other).await;
    // A later call is done after the one that nobody waits for.
    assert_eq!(store.destroy(selector(1), Guard::Anyone).await.expect("it is free"), Destroyed::Gone);
    assert!(tier.0.load(Ordering::Relaxed) >= 1, "the copy of the session is dropped");
}

#[tokio::test]
async fn a_wait_for_the_lock_does_not_bring_a_session_back_that_has_ended_meanwhile() {
    let (_folder, path) = folder();
    let clock = ManualClock::starting_at(now());
    let store = impatient().clock(clock.clone()).open(&path).await.expect("it is created");
    insert(&store, 1, record_living(now(), Duration::from_secs(60))).await;
    let mut other = connect(&path).await;
    lock(&mut other).await;
    let commit = tokio::spawn({
        let store = store.clone();
        async move { store.commit(selector(1), put(1, 5, "cart", Expect::Any, json("1"))).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    clock.advance(Duration::from_secs(120));
    assert!(store.load(selector(1)).await.expect("reads do not wait").is_none());
    unlock(&mut other).await;
    let outcome = commit.await.expect("it does not panic").expect("it is free");
    assert!(matches!(outcome, Committed::Gone), "{outcome:?}");
}
