//! One process at a time uses the sessions in a file.

use std::time::Duration;

use cloakroom::store::{Guard, PageRequest, Store, StoreErrorKind};
use cloakroom_sqlx::{OpenError, SqliteStore};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::backend::{folder, impatient};
use crate::samples::{insert, now, record, selector};
use crate::support::{Process, say};

/// If it is set, the test below is another process that uses the file until its input ends.
const HELD: &str = "CLOAKROOM_TEST_HELD_FILE";

#[tokio::test]
async fn a_file_is_released_when_its_store_is_closed() {
    let (_folder, path) = folder();
    let held = std::env::var_os(HELD);
    let store = SqliteStore::open(held.as_deref().unwrap_or(path.as_os_str())).await.expect("it is free");
    if held.is_some() {
        insert(&store, 1, record(now())).await;
        say("ready");
        let waiting = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        drop(waiting.await);
    }
    store.close().await;
    if held.is_none() {
        let again = impatient().open(&path).await.expect("the file was released");
        assert!(again.load(selector(1)).await.expect("it is open").is_none());
        let error = store.load(selector(1)).await.expect_err("it was closed");
        assert!(format!("{error:?}").contains("closed"), "{error:?}");
        let error = store.create(selector(1), record(now())).await.expect_err("it was closed");
        assert!(format!("{error:?}").contains("closed"), "{error:?}");
        store.close().await;
    }
}

/// The pool stays open, and the sessions may have another owner.
#[tokio::test]
async fn no_call_succeeds_after_the_store_in_a_pool_was_closed() {
    let (_folder, path) = folder();
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePool::connect_lazy_with(options);
    let store = impatient().in_pool(pool.clone()).await.expect("the pool can be used");
    let clone = store.clone();
    insert(&store, 1, record(now())).await;
    store.close().await;
    let again = impatient().in_pool(pool).await.expect("it was released");
    again.destroy(selector(1), Guard::Anyone).await.expect("it is open");
    let (principal, page) = ("ada".into(), PageRequest::first(10));
    for closed in [&store, &clone] {
        for (call, answer) in [
            ("load", closed.load(selector(1)).await.map(drop)),
            ("list", closed.list(page.clone()).await.map(drop)),
            ("list_members", closed.list_members(&principal, page.clone()).await.map(drop)),
            ("list_principals", closed.list_principals(page.clone()).await.map(drop)),
            ("count", closed.count().await.map(drop)),
            ("create", closed.create(selector(2), record(now())).await.map(drop)),
            ("destroy", closed.destroy(selector(1), Guard::Anyone).await.map(drop)),
        ] {
            let error = answer.expect_err(call);
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{call}: {error:?}");
            assert!(format!("{error:?}").contains("the store was closed"), "{call}: {error:?}");
        }
    }
}

/// The writer has begun to end when the second call arrives.
#[tokio::test]
async fn every_call_that_closes_a_store_waits_until_the_file_is_released() {
    for _ in 0..10 {
        let (_folder, path) = folder();
        let store = SqliteStore::open(&path).await.expect("it is free");
        insert(&store, 1, record(now())).await;
        let lease = store.load(selector(1)).await.expect("it is open").expect("it was inserted").lease;
        let first = tokio::spawn({
            let store = store.clone();
            async move { store.close().await }
        });
        while store.is_lease_valid(lease) {
            tokio::task::yield_now().await;
        }
        store.close().await;
        impatient().open(&path).await.expect("the file was released");
        first.await.expect("it does not panic");
    }
}

fn other_process(path: &std::path::Path) -> Process {
    let mut process = Process::start("owner::a_file_is_released_when_its_store_is_closed", HELD, path);
    process.wait_for("ready");
    process
}

#[tokio::test]
async fn a_second_process_is_refused_with_the_number_of_the_first() {
    let (_folder, path) = folder();
    let other = other_process(&path);
    let pool = SqlitePool::connect_lazy_with(SqliteConnectOptions::new().filename(&path));
    for refused in [impatient().open(&path).await, impatient().in_pool(pool).await] {
        let error = refused.expect_err("the other process uses the file");
        assert!(matches!(error, OpenError::InUse { holder: Some(id), .. } if id == other.id()), "{error}");
        let text = error.to_string();
        let remedies = ["take_over_timeout", "Redis", "PostgreSQL"];
        let named = [format!("process {}", other.id()), path.display().to_string()];
        for word in remedies.into_iter().map(str::to_owned).chain(named) {
            assert!(text.contains(&word), "{word:?} is not in: {text}");
        }
    }
    other.join();
}

#[tokio::test]
async fn a_deployment_takes_the_file_over_when_the_former_process_ends() {
    let (_folder, path) = folder();
    let mut other = other_process(&path);
    let opening = tokio::spawn(SqliteStore::builder().take_over_timeout(Duration::from_secs(20)).open(path.clone()));
    let early = impatient().open(&path).await;
    assert!(early.is_err() && !opening.is_finished(), "the file is in use");
    other.release();
    let store = opening.await.expect("it does not panic").expect("the other process ended");
    assert!(store.load(selector(1)).await.expect("it is open").is_some(), "the session of the other process");
    other.join();
}

#[tokio::test]
async fn a_process_that_is_killed_releases_the_file() {
    let (_folder, path) = folder();
    other_process(&path).kill();
    let store = impatient().open(&path).await.expect("the system released the lock");
    assert!(store.load(selector(1)).await.expect("it is open").is_some(), "the session of the other process");
}

#[tokio::test]
async fn a_file_is_released_when_the_last_clone_is_dropped() {
    let (_folder, path) = folder();
    let store = impatient().open(&path).await.expect("it is created");
    let clone = store.clone();
    drop(store);
    let error = impatient().open(&path).await.expect_err("a clone uses the file");
    assert!(error.to_string().contains("this process itself") && error.to_string().contains("clone"), "{error}");
    insert(&clone, 1, record(now())).await;
    drop(clone);
    let again = SqliteStore::open(&path).await.expect("it is released in the background");
    assert!(again.load(selector(1)).await.expect("it is open").is_some());
}

#[tokio::test]
async fn no_copy_is_served_once_the_file_may_have_another_owner() {
    let (_folder, path) = folder();
    let store = impatient().open(&path).await.expect("it is created");
    insert(&store, 1, record(now())).await;
    let lease = store.load(selector(1)).await.expect("it is open").expect("it was created").lease;
    let clone = store.clone();
    assert!(store.is_lease_valid(lease) && clone.is_lease_valid(lease));
    store.close().await;
    assert!(!store.is_lease_valid(lease) && !clone.is_lease_valid(lease));
}

#[cfg(unix)]
#[tokio::test]
async fn two_paths_to_one_file_have_one_owner() {
    let (folder, path) = folder();
    let _store = impatient().open(&path).await.expect("it is created");
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("the folder is ours");
    for other in [link, folder.path().join(".").join("sessions.db")] {
        let error = impatient().open(&other).await.expect_err("it is the same file");
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    }
}

#[tokio::test]
async fn r64_two_namespaces_in_one_file_have_nothing_in_common() {
    let (_folder, path) = folder();
    let shop = impatient().namespace("shop").open(&path).await.expect("it is created");
    let blog = impatient().namespace("blog").open(&path).await.expect("the namespace is free");
    insert(&shop, 1, record(now())).await;
    assert!(blog.load(selector(1)).await.expect("it is open").is_none());
    let principal = "ada".into();
    let until = cloakroom::Timestamp::MAX;
    shop.add_member(&principal, selector(1), until, None).await.expect("it is open");
    let page = cloakroom::PageRequest::first(10);
    assert!(blog.list_members(&principal, page.clone()).await.expect("it is open").items.is_empty());
    insert(&blog, 1, record(now())).await;
    blog.destroy(selector(1), cloakroom::store::Guard::Anyone).await.expect("it is open");
    assert!(shop.load(selector(1)).await.expect("it is open").is_some(), "the session of the other namespace lives");
    assert_eq!(shop.list_members(&principal, page).await.expect("it is open").items.len(), 1);
}
