//! What is in the rows: hostile names, damage, and the end of what has expired.

use std::time::Duration;

use cloakroom::store::{Destroyed, Expect, Guard, PageRequest, Payload, Principal, Store, StoreErrorKind, StoredValue};
use cloakroom::{Clock, Timestamp};
use cloakroom_testkit::ManualClock;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::backend::{folder, impatient};
use crate::samples::{VERIFIER, insert, json, now, put, record, record_living, record_of, selector, word};
use crate::support::until;

fn connect(path: &std::path::Path) -> SqlitePool {
    SqlitePool::connect_lazy_with(SqliteConnectOptions::new().filename(path))
}

async fn number(pool: &SqlitePool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.expect("the file is readable")
}

#[tokio::test]
async fn r65_hostile_names_are_kept_as_they_are_and_run_nothing() {
    let (_folder, path) = folder();
    let store = impatient().open(&path).await.expect("it is created");
    let long = "'\"\\;".repeat(50_000);
    let hostile = [
        "'; DROP TABLE cloakroom_sessions; --",
        "\" OR 1=1 --",
        "?1",
        "$1 :a @b",
        "\0",
        "a\0b",
        "\u{feff}\u{202e}ada\u{1f98a}\u{0301}",
        "{\"json\": null}",
        "%",
        "",
        &long,
    ];
    for (place, name) in hostile.into_iter().enumerate() {
        let (place, principal) = (place as u64, Principal::from(name));
        let selector = insert(&store, place, record_of(name, Some(name))).await;
        store.add_member(&principal, selector, Timestamp::MAX, None).await.expect("the file can be written");
        let text = json(&format!("\"{place}\""));
        let bytes = Payload::Present(name.as_bytes().into());
        let both = [(name, 2, text), ("plain", 3, bytes)];
        for (key, version, payload) in both.clone() {
            let commit = put(version - 1, version << 32, key, Expect::Version(0), payload);
            assert_eq!(word(&store.commit(selector, commit).await.expect("the file can be written")), "done");
        }
        let found = store.load(selector).await.expect("it is readable").expect("it is there").record;
        let expected = both.map(|(key, version, payload)| StoredValue::new(key.into(), version, None, payload));
        assert!(expected.iter().all(|value| found.values.contains(value)), "{name:?}: {:?}", found.values);
        let login = found.authentication.expect("it is logged in");
        assert_eq!((login.principal.as_str(), login.label.as_deref()), (name, Some(name)));
        let listed = store.list_members(&principal, PageRequest::first(10)).await.expect("it is readable").items;
        assert_eq!(listed.iter().map(|member| member.selector).collect::<Vec<_>>(), [selector], "{name:?}");
        let summary = listed[0].summary.as_ref().expect("it can be decoded");
        assert_eq!(summary.authentication.as_ref().and_then(|login| login.label.as_deref()), Some(name));
    }
    assert_eq!(number(&connect(&path), "SELECT count(*) FROM cloakroom_sessions").await, hostile.len() as i64);
}

#[tokio::test]
async fn a_damaged_row_is_an_error_for_that_session_alone() {
    for damage in [
        "format = 2",
        "version = -1",
        "writers = x'00'",
        "verifier = x'00'",
        "previous_verifier = x'00'",
        "previous_verifier = zeroblob(16)",
        "logged_in_at = NULL",
        "principal = NULL",
        "document = '{'",
        "document = CAST(x'ff' AS TEXT)",
        "principal = CAST(x'ff' AS TEXT)",
        "label = CAST(x'ff' AS TEXT)",
    ] {
        let (_folder, path) = folder();
        let store = impatient().open(&path).await.expect("it is created");
        let principal = Principal::from("ada");
        for place in 1..=3 {
            insert(&store, place, record_of("ada", None)).await;
            store.add_member(&principal, selector(place), Timestamp::MAX, None).await.expect("it can be written");
        }
        let pool = connect(&path);
        let update = format!("UPDATE cloakroom_sessions SET {damage} WHERE id = 2");
        sqlx::query(sqlx::AssertSqlSafe(update)).execute(&pool).await.expect("the table allows it");
        let before: String = dump(&pool).await;
        let kind = |error: cloakroom::store::StoreError| error.kind();
        assert_eq!(store.load(selector(2)).await.map_err(kind), Err(StoreErrorKind::Corrupt), "{damage}");
        let (alone, beside) =
            tokio::join!(store.commit(selector(2), put(1, 5, "cart", Expect::Any, json("1"))), async {
                store.commit(selector(1), put(1, 5, "cart", Expect::Any, json("1"))).await
            });
        assert_eq!(alone.map(drop).map_err(kind), Err(StoreErrorKind::Corrupt), "{damage}");
        assert_eq!(word(&beside.expect("the other row is intact")), "done", "{damage}");
        let mut other = record(now());
        other.nonce += 1;
        let created = store.create(selector(2), other).await.expect("it is not a fault");
        assert_eq!(created, cloakroom::store::Created::Exists, "{damage}");
        // The guard of a row whose header can be read is judged by it.
        if !damage.starts_with("document = '{'") {
            let ended = store.destroy(selector(2), Guard::Holder(VERIFIER)).await;
            assert_eq!(ended.map_err(kind), Err(StoreErrorKind::Corrupt), "{damage}");
        }
        assert_eq!(dump(&pool).await, before, "{damage}: the row is left alone");
        let listed = store.list_members(&principal, PageRequest::first(10)).await.expect("the index is intact").items;
        assert!(listed.len() >= 2, "{damage}: the other sessions are listed");
        assert_eq!(store.destroy(selector(2), Guard::Anyone).await.map_err(kind), Ok(Destroyed::Done), "{damage}");
        assert_eq!(store.load(selector(2)).await.map_err(kind), Ok(None), "{damage}");
    }
}

async fn dump(pool: &SqlitePool) -> String {
    let sql = "SELECT format || hex(writers) || hex(verifier) || hex(document) || version FROM cloakroom_sessions WHERE id = 2";
    sqlx::query_scalar(sql).fetch_one(pool).await.expect("the file is readable")
}

#[tokio::test]
async fn what_has_expired_is_removed_in_the_background_and_nothing_else() {
    const EXPIRING: u64 = 1000;
    let (_folder, path) = folder();
    let clock = ManualClock::new();
    let store = impatient().clock(clock.clone()).open(&path).await.expect("it is created");
    let principal = Principal::from("ada");
    for place in 0..EXPIRING + 10 {
        insert(&store, place, record_living(clock.now(), Duration::from_secs(60))).await;
        store.add_member(&principal, selector(place), Timestamp::MAX, None).await.expect("it can be written");
    }
    let touches = |now| {
        (EXPIRING..EXPIRING + 10).map(move |place| cloakroom::store::Touch::new(selector(place), Guard::Anyone, now))
    };
    let pool = connect(&path);
    for _ in 0..3 {
        clock.advance(Duration::from_secs(40));
        store.touch(touches(clock.now()).collect()).await.expect("it can be written");
    }
    until("the expired sessions are removed", async || {
        number(&pool, "SELECT count(*) FROM cloakroom_sessions").await == 10
    })
    .await;
    assert_eq!(number(&pool, "SELECT count(*) FROM cloakroom_members").await, 10, "members go with their sessions");
    clock.advance(Duration::from_secs(120));
    until("the others are removed", async || number(&pool, "SELECT count(*) FROM cloakroom_sessions").await == 0).await;
    drop(store);
    until("the background work ends with the store", async || clock.sleepers() == 0).await;
}

#[tokio::test]
async fn a_conflict_undoes_nothing_that_shares_its_transaction() {
    let (_folder, path) = folder();
    let store = impatient().open(&path).await.expect("it is created");
    for place in 0..60 {
        insert(&store, place, record(now())).await;
    }
    let commit = |place: u64| {
        let expected = Expect::Version(if place.is_multiple_of(3) { 9 } else { 0 });
        store
            .commit(selector(if place.is_multiple_of(5) { 999 } else { place }), put(1, 7, "cart", expected, json("1")))
    };
    let answers = futures_util::future::join_all((0..60).map(commit)).await;
    for (place, answer) in answers.into_iter().enumerate() {
        let expected = match place {
            place if place.is_multiple_of(5) => "gone",
            place if place.is_multiple_of(3) => "conflict",
            _ => "done",
        };
        assert_eq!(word(&answer.expect("the file can be written")), expected, "commit {place}");
        let found = store.load(selector(place as u64)).await.expect("it is readable").expect("it is there").record;
        assert_eq!(found.version, if expected == "done" { 2 } else { 1 }, "session {place}");
    }
}

/// SQL has signed integers only.
#[tokio::test]
async fn a_version_that_no_column_holds_is_never_written() {
    let (_folder, path) = folder();
    let store = impatient().open(&path).await.expect("it is created");
    let last = i64::MAX.unsigned_abs();
    let kind = |error: cloakroom::store::StoreError| error.kind();
    for (number, version) in [(1, last), (2, last + 1), (3, u64::MAX)] {
        let mut record = record(now());
        record.version = version;
        let created = store.create(selector(number), record).await.map(|_| version).map_err(kind);
        assert_eq!(created, if version == last { Ok(last) } else { Err(StoreErrorKind::Corrupt) }, "{version}");
    }
    let found = store.load(selector(1)).await.expect("it is readable").expect("it was created").record;
    for head in [None, Some(found.head())] {
        let mut commit = put(last, 5, "cart", Expect::Any, json("1"));
        commit.head = head;
        let error = store.commit(selector(1), commit).await.expect_err("there is no later version");
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error:?}");
        assert!(format!("{error:?}").contains("2^63"), "{error:?}");
        let again = store.load(selector(1)).await.expect("it is readable").expect("it is there").record;
        assert_eq!(again, found, "the row is left alone");
    }
    assert_eq!(store.destroy(selector(1), Guard::Anyone).await.map_err(kind), Ok(Destroyed::Done));
}
