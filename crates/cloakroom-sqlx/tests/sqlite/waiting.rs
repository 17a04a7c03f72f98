//! Calls that wait for a lock that another program holds on the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloakroom::store::{Committed, Destroyed, Expect, Guard, Invalidate, Selector, Store, StoreErrorKind};
use cloakroom_testkit::ManualClock;
use sqlx::SqliteConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::backend::{folder, impatient};
use crate::samples::{insert, json, now, put, record, record_living, selector, word};
use crate::support::{Process, connect, say};

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

/// If it is set, the test below is another process that locks the database until its input ends.
const LOCKED: &str = "CLOAKROOM_TEST_LOCKED_FILE";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_another_process_locks_is_an_error_in_time() {
    let (_folder, path) = folder();
    if let Some(path) = std::env::var_os(LOCKED) {
        let mut database = connect(path.as_ref()).await;
        lock(&mut database).await;
        say("locked");
        return drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    }
    let store = impatient().busy_timeout(Duration::from_millis(100)).open(&path).await.expect("it is created");
    let many = 200;
    for place in 0..many {
        insert(&store, place, record(now())).await;
    }
    let commit = |place| store.commit(selector(place), put(1, 5, "cart", Expect::Any, json("1")));
    let mut other = Process::start("waiting::a_database_that_another_process_locks_is_an_error_in_time", LOCKED, &path);
    other.wait_for("locked");
    let began = tokio::time::Instant::now();
    // More than fit into one transaction.
    for answer in futures_util::future::join_all((0..many).map(commit)).await {
        let error = answer.expect_err("it is locked");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        let text = format!("{error:?}");
        assert!(text.contains("another program has locked") && text.contains("end its transaction"), "{text}");
    }
    assert!(began.elapsed() < Duration::from_millis(5100), "{:?}", began.elapsed());
    assert!(store.load(selector(1)).await.expect("reads do not wait").is_some());
    other.release();
    other.join();
    assert_eq!(word(&commit(1).await.expect("it is free")), "done");
}

/// The pool waits for the lock longer than the deadline of the call.
#[tokio::test]
async fn a_call_in_a_pool_that_waits_longer_than_its_deadline_is_an_error_in_time() {
    let (_folder, path) = folder();
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let options = options.busy_timeout(Duration::from_secs(60));
    let pool = SqlitePoolOptions::new().connect_lazy_with(options);
    let store = impatient().busy_timeout(Duration::from_millis(10)).in_pool(pool).await.expect("it is created");
    insert(&store, 1, record(now())).await;
    let mut other = connect(&path).await;
    lock(&mut other).await;
    let began = tokio::time::Instant::now();
    let commit = || store.commit(selector(1), put(1, 5, "cart", Expect::Version(0), json("1")));
    let error = commit().await.expect_err("it is locked");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error:?}");
    let text = format!("{error:?}");
    assert!(text.contains("another program may have locked it") && text.contains("may have been done"), "{text}");
    unlock(&mut other).await;
    assert_eq!(word(&commit().await.expect("it is free")), "done", "the first one was applied late, and once");
    let found = store.load(selector(1)).await.expect("it is open").expect("it was created").record;
    assert_eq!(found.version, 2);
}
