//! A disk that is full. SQLite's limit of pages stands for it: it makes the same call fail.

use cloakroom::store::{Destroyed, Expect, Guard, Store, StoreErrorKind};
use cloakroom::{SessionErrorKind, Sessions};
use cloakroom_sqlx::SqliteStore;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use tempfile::TempDir;

use crate::backend::{folder, impatient};
use crate::samples::{count, insert, json, now, put, record, selector, word};
use crate::support::{Cart, Visitor, recorded};

const PLENTY: u32 = 1_000_000;

/// A store in a pool of one connection, which limits the pages of the database.
async fn limited() -> (TempDir, SqlitePool, SqliteStore) {
    let (folder, path) = folder();
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("it is created");
    let store = impatient().in_pool(pool.clone()).await.expect("the pool can be used");
    (folder, pool, store)
}

/// Lets the database grow by so many pages only.
async fn leave_pages(pool: &SqlitePool, pages: u32) {
    let used: u32 = sqlx::query_scalar("PRAGMA page_count").fetch_one(pool).await.expect("it is open");
    let limit = used.saturating_add(pages);
    let limited = sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {limit}"))).execute(pool).await;
    limited.expect("it is open");
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_that_loses_nothing_and_passes() {
    let (_folder, pool, store) = limited().await;
    insert(&store, 1, record(now())).await;
    store.commit(selector(1), put(1, 1, "count", Expect::Version(0), json("5"))).await.expect("there is space");
    leave_pages(&pool, 0).await;
    let large = json(&format!("\"{}\"", "x".repeat(100_000)));
    for nonce in 2..5 {
        let commit = put(2, nonce << 32, "large", Expect::Version(0), large.clone());
        let error = store.commit(selector(1), commit).await.expect_err("there is no space");
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error:?}");
        let text = format!("{error:?}");
        assert!(text.contains("disk is full") && text.contains("free some space"), "{text}");
        assert!(text.contains("sessions.db"), "{text}");
    }
    let found = store.load(selector(1)).await.expect("reading needs no space").expect("it is there").record;
    assert_eq!((found.version, count(&found)), (2, 5), "a refused write changes nothing");
    // What needs no space still works.
    store.commit(selector(1), put(2, 9, "count", Expect::Version(2), json("6"))).await.expect("it fits into its page");
    leave_pages(&pool, PLENTY).await;
    let answer = store.commit(selector(1), put(3, 10, "large", Expect::Version(0), large)).await;
    assert_eq!(word(&answer.expect("there is space again")), "done");
    let found = store.load(selector(1)).await.expect("it is open").expect("it is there").record;
    assert_eq!((found.version, count(&found)), (4, 6));
}

#[tokio::test]
async fn a_write_that_does_not_fit_spoils_none_that_share_its_transaction() {
    let (_folder, pool, store) = limited().await;
    for number in 0..20 {
        insert(&store, number, record(now())).await;
        store.commit(selector(number), put(1, 1, "count", Expect::Any, json("1"))).await.expect("there is space");
    }
    leave_pages(&pool, 0).await;
    let large = json(&format!("\"{}\"", "x".repeat(100_000)));
    let commit = |number: u64| {
        let payload = if number == 7 { large.clone() } else { json("2") };
        store.commit(selector(number), put(2, 2 << 32, "count", Expect::Version(2), payload))
    };
    let all: Vec<_> = (0..19).map(commit).collect();
    // They are all sent before the first of them is answered.
    let destroyed = store.destroy(selector(19), Guard::Anyone);
    let (answers, destroyed) = tokio::join!(futures_util::future::join_all(all), destroyed);
    for (number, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(committed) => assert_eq!((number != 7, word(&committed)), (true, "done")),
            Err(error) => assert_eq!((number, error.kind()), (7, StoreErrorKind::Refused), "{error:?}"),
        }
    }
    assert_eq!(destroyed.expect("it needs no space"), Destroyed::Done);
}

#[tokio::test]
async fn a_visitor_gets_an_error_and_keeps_the_session_while_the_disk_is_full() {
    let (_folder, pool, store) = limited().await;
    let sessions: Sessions = recorded().store(store).build().expect("valid");
    let visitor = Visitor::default();
    let visit = visitor.enter(&sessions);
    visit.login("ada").await.expect("there is space");
    visit.set(Cart(vec!["tea".to_owned()])).await.expect("there is space");
    visit.leave().await;
    leave_pages(&pool, 0).await;
    let visit = visitor.enter(&sessions);
    let error = visit.set(Cart(vec!["x".repeat(50_000)])).await.expect_err("there is no space");
    assert_eq!(error.kind(), SessionErrorKind::StoreUnavailable, "{error:?}");
    visit.leave().await;
    let visit = visitor.enter(&sessions);
    assert_eq!(visit.get::<Cart>().await.expect("it is readable").as_deref(), Some(&Cart(vec!["tea".to_owned()])));
    assert_eq!(visit.principal().await.expect("it is readable"), Some("ada".into()));
    leave_pages(&pool, PLENTY).await;
    visit.set(Cart(vec!["x".repeat(50_000)])).await.expect("there is space again");
    visit.leave().await;
}
