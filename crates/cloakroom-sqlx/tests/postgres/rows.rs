//! Rows: hostile names, damage, updates without index entries, and very many of one principal.

use cloakroom::Timestamp;
use cloakroom::store::{
    Created, Destroyed, Expect, Guard, PageRequest, Payload, Principal, Store, StoreErrorKind, StoredValue,
};

use crate::database::Database;
use crate::samples::{KEY, VERIFIER, insert, json, put, record, record_of, selector, word};
use crate::support::until;

#[tokio::test]
async fn r65_hostile_names_are_kept_as_they_are_and_run_nothing() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let store = database.store(&schema).await;
    let long = "'\"\\;".repeat(50_000);
    let hostile = [
        "'; DROP TABLE cloakroom_sessions; --",
        "\" OR 1=1 --",
        "$1",
        "$$; --",
        "\0",
        "a\0b",
        r"\0",
        "\u{feff}\u{202e}ada\u{1f98a}\u{0301}",
        "{\"json\": null}",
        "%",
        "",
    ];
    for (place, name) in hostile.into_iter().enumerate() {
        let (place, principal) = (place as u64, Principal::from(name));
        let selector = insert(&store, place, record_of(name, Some(name))).await;
        store.add_member(&principal, selector, Timestamp::MAX, None).await.expect("it can be written");
        let text = json(&format!("\"{place}\""));
        let bytes = Payload::Present(name.as_bytes().into());
        let both = [(name, 2, text), ("plain", 3, bytes)];
        for (key, version, payload) in both.clone() {
            let commit = put(version - 1, version << 32, key, Expect::Version(0), payload);
            assert_eq!(word(&store.commit(selector, commit).await.expect("it can be written")), "done");
        }
        let found = store.load(selector).await.expect("it is readable").expect("it is there").record;
        let expected = both.map(|(key, version, payload)| StoredValue::new(key.into(), version, None, payload));
        assert!(expected.iter().all(|value| found.values.contains(value)), "{name:?}: {:?}", found.values);
        let login = found.authentication.expect("it is logged in");
        assert_eq!((login.principal.as_str(), login.label.as_deref()), (name, Some(name)));
        let listed = store.list_members(&principal, PageRequest::first(10)).await.expect("it is readable").items;
        assert_eq!(listed.iter().map(|member| member.selector).collect::<Vec<_>>(), [selector], "{name:?}");
    }
    let count = format!("SELECT count(*) FROM {schema}.cloakroom_sessions");
    assert_eq!(database.number(&count).await, hostile.len() as i64);
    // PostgreSQL cannot index a text of this size; the caller is told, and nothing else is affected.
    let refused = store.add_member(&Principal::from(&*long), selector(0), Timestamp::MAX, None).await;
    assert_eq!(refused.map_err(|error| error.kind()), Err(StoreErrorKind::Refused));
}

#[tokio::test]
async fn a_damaged_row_is_an_error_for_that_session_alone() {
    let database = Database::start().await;
    for damage in [
        "format = 2",
        "version = -1",
        "writers = '\\x00'",
        "verifier = '\\x00'",
        "previous_verifier = '\\x00'",
        "previous_verifier = '\\x00112233445566778899aabbccddeeff'",
        "logged_in_at = NULL",
        "principal = NULL",
        "principal = '\\x'",
        "label = '\\'",
    ] {
        let schema = database.schema().await;
        let store = database.store(&schema).await;
        let principal = Principal::from("ada");
        for place in 1..=3 {
            insert(&store, place, record_of("ada", None)).await;
            store.add_member(&principal, selector(place), Timestamp::MAX, None).await.expect("it can be written");
        }
        database.execute(&format!("UPDATE {schema}.cloakroom_sessions SET {damage} WHERE id = 2")).await;
        let kind = |error: cloakroom::store::StoreError| error.kind();
        assert_eq!(store.load(selector(2)).await.map_err(kind), Err(StoreErrorKind::Corrupt), "{damage}");
        let (alone, beside) = tokio::join!(
            store.commit(selector(2), put(1, 5, "cart", Expect::Any, json("1"))),
            store.commit(selector(1), put(1, 5, "cart", Expect::Any, json("1"))),
        );
        assert_eq!(alone.map(drop).map_err(kind), Err(StoreErrorKind::Corrupt), "{damage}");
        assert_eq!(word(&beside.expect("the other row is intact")), "done", "{damage}");
        let mut other = record(database.now());
        other.nonce += 1;
        assert_eq!(store.create(selector(2), other).await.map_err(kind), Ok(Created::Exists), "{damage}");
        let ended = store.destroy(selector(2), Guard::Holder(VERIFIER)).await;
        assert_eq!(ended.map_err(kind), Err(StoreErrorKind::Corrupt), "{damage}");
        let listed = store.list_members(&principal, PageRequest::first(10)).await.expect("the index is intact").items;
        assert!(listed.len() >= 2, "{damage}: the other sessions are listed");
        assert_eq!(store.destroy(selector(2), Guard::Anyone).await.map_err(kind), Ok(Destroyed::Done), "{damage}");
        assert_eq!(store.load(selector(2)).await.map_err(kind), Ok(None), "{damage}");
    }
}

#[tokio::test]
async fn a_damaged_value_affects_no_other_value() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let store = database.store(&schema).await;
    insert(&store, 1, record(database.now())).await;
    for (base, key) in [(1, "cart"), (2, "roles")] {
        let commit = put(base, base << 32, key, Expect::Any, json("[1]"));
        assert_eq!(word(&store.commit(selector(1), commit).await.expect("it can be written")), "done");
    }
    for damage in ["state = 'compressed'", "json = NULL", "bytes = '\\x00'", "state = 'sealed'"] {
        database.execute(&format!("UPDATE {schema}.cloakroom_values SET {damage} WHERE key = 'cart'")).await;
        let found = store.load(selector(1)).await.expect("it is readable").expect("it is there").record;
        let value = |key: &str| found.values.iter().find(|value| &*value.key == key).map(|value| value.payload.clone());
        assert_eq!(value("roles"), Some(json("[1]")), "{damage}");
        assert_eq!(value("cart"), Some(Payload::Present([0].into())), "{damage}");
        database
            .execute(&format!(
                "UPDATE {schema}.cloakroom_values SET state = 'present', json = '[1]', bytes = NULL WHERE key = 'cart'"
            ))
            .await;
    }
}

#[tokio::test]
async fn updates_of_a_value_make_no_index_entries() {
    const UPDATES: u64 = 200;
    let database = Database::start().await;
    let schema = database.schema().await;
    let store = database.store(&schema).await;
    insert(&store, 1, record(database.now())).await;
    for base in 1..=UPDATES {
        let record = store.load(selector(1)).await.expect("it is readable").expect("it is there").record;
        let mut commit = put(base, base << 32 | 7, KEY, Expect::Any, json(&base.to_string()));
        commit.head = Some(record.head());
        assert_eq!(word(&store.commit(selector(1), commit).await.expect("it can be written")), "done");
    }
    let hot = |table: &str| {
        let sql = format!(
            "SELECT coalesce(sum(n_tup_hot_upd) * 100 / nullif(sum(n_tup_upd), 0), 0)::BIGINT \
             FROM pg_stat_user_tables WHERE schemaname = '{schema}' AND relname = 'cloakroom_{table}'"
        );
        let database = &database;
        async move { database.number(&sql).await }
    };
    // The server publishes its statistics with a delay.
    for table in ["sessions", "values"] {
        until("nearly all updates are heap-only", async || hot(table).await >= 95).await;
    }
}

#[tokio::test]
async fn a_principal_with_very_many_sessions_is_listed_and_ended_page_by_page() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let store = database.store(&schema).await;
    let principal = Principal::from("ada");
    insert(&store, 1, record_of("ada", None)).await;
    database
        .execute(&format!(
            "WITH copied AS (INSERT INTO {schema}.cloakroom_sessions (namespace, selector, format, version, nonce, \
             writers, verifier, created_at, last_seen, idle_timeout, absolute_deadline, persistent, principal, \
             logged_in_at, expires_at, examine_at) \
             SELECT namespace, decode(md5(n::TEXT), 'hex'), format, version, nonce, writers, verifier, created_at, \
             last_seen, idle_timeout, absolute_deadline, persistent, principal, logged_in_at, expires_at, examine_at \
             FROM {schema}.cloakroom_sessions, generate_series(1, 100000) n RETURNING namespace, principal, selector) \
             INSERT INTO {schema}.cloakroom_members (namespace, principal, selector) SELECT * FROM copied"
        ))
        .await;
    let (mut page, mut ended) = (PageRequest::first(cloakroom::store::BATCH), 0);
    loop {
        let listed = store.list_members(&principal, page.clone()).await.expect("each page has a deadline of its own");
        let selectors: Vec<_> = listed.items.iter().map(|member| member.selector).collect();
        let destroyed = store.destroy_many(selectors.clone()).await;
        ended += destroyed.iter().filter(|answer| matches!(answer, Ok(Destroyed::Done))).count();
        store.remove_members(&principal, selectors).await.expect("it can be written");
        let Some(next) = listed.next else { break };
        page = page.after(next);
    }
    assert_eq!(ended, 100_000);
}

/// SQL has signed integers only.
#[tokio::test]
async fn a_version_that_no_column_holds_is_never_written() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let store = database.store(&schema).await;
    let last = i64::MAX.unsigned_abs();
    let kind = |error: cloakroom::store::StoreError| error.kind();
    for (number, version) in [(1, last), (2, last + 1), (3, u64::MAX)] {
        let mut record = record(database.now());
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
