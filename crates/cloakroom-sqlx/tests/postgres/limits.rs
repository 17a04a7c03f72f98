//! Calls that wait: for locks of other programs, and for the end of a pool.

use std::time::Duration;

use cloakroom::store::{Committed, Expect, Principal, Store, StoreErrorKind};
use cloakroom_sqlx::PostgresStore;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor};

use crate::database::Database;
use crate::samples::{KEY, insert, json, put, record, record_living, selector};
use crate::support::until;

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_whose_caller_gave_up_does_not_go_on_to_wait_for_a_lock() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let url = database.server.url();
    let store = database.builder(&schema).deadline(Duration::from_millis(300)).connect(&url).await;
    let store = store.expect("the server runs");
    insert(&store, 1, record(database.now())).await;
    let mut other = database.pool.begin().await.expect("the server runs");
    let lock = format!("SELECT FROM {schema}.cloakroom_sessions FOR UPDATE");
    other.execute(AssertSqlSafe(lock)).await.expect("the table is there");
    let known = store.load(selector(1)).await.expect("reading waits for no lock").expect("it is there").record;
    for number in 1..=4 {
        let mut commit = put(1, number << 32 | 7, KEY, Expect::Any, json("1"));
        // The short way and the long one.
        commit.head = (number % 2 == 0).then(|| known.head());
        let failed = store.commit(selector(1), commit).await.expect_err("the row is locked");
        assert!([StoreErrorKind::Unavailable, StoreErrorKind::Unknown].contains(&failed.kind()), "{failed:?}");
    }
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cloakroom' AND wait_event_type = 'Lock'";
    until("no statement waits any more", async || database.number(waiting).await == 0).await;
    other.rollback().await.expect("the server runs");
    let found = store.load(selector(1)).await.expect("the server runs").expect("it is there").record;
    assert_eq!(found.version, 1, "none of them was applied later");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_while_its_row_is_locked_is_not_prolonged() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let url = database.server.url();
    let store = database.builder(&schema).deadline(Duration::from_secs(20)).connect(&url).await;
    let store = store.expect("the server runs");
    insert(&store, 1, record_living(database.now(), Duration::from_secs(60))).await;
    let mut other = database.pool.begin().await.expect("the server runs");
    let lock = format!("SELECT FROM {schema}.cloakroom_sessions FOR UPDATE");
    other.execute(AssertSqlSafe(lock)).await.expect("the table is there");
    let commit = put(1, 1 << 32 | 7, KEY, Expect::Any, json("1"));
    let (committed, ()) = tokio::join!(store.commit(selector(1), commit), async {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cloakroom' AND wait_event_type = 'Lock'";
        until("the commit waits", async || database.number(waiting).await == 1).await;
        database.advance(Duration::from_secs(120)).await;
        other.rollback().await.expect("the server runs");
    });
    assert!(matches!(committed, Ok(Committed::Gone)), "{committed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_remove_the_same_members_in_opposite_orders_do_not_block_each_other() {
    const MEMBERS: u64 = 100;
    let database = Database::start().await;
    let schema = database.schema().await;
    let url = database.server.url();
    let open = || database.builder(&schema).deadline(Duration::from_secs(20)).connect(&url);
    let (a, b) = (open().await.expect("the server runs"), open().await.expect("the server runs"));
    let ada = Principal::from("ada");
    // Their sessions are gone, so nothing but these rows can be waited for.
    for place in 0..MEMBERS {
        let selector: String = selector(place).as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let add = format!("INSERT INTO {schema}.cloakroom_members (namespace, principal, selector)");
        database.execute(&format!("{add} VALUES ('default', 'ada', '\\x{selector}')")).await;
    }
    // Both have locked some members when they meet the one in the middle.
    let mut other = database.pool.begin().await.expect("the server runs");
    let middle = format!("SELECT FROM {schema}.cloakroom_members ORDER BY admission OFFSET 50 LIMIT 1 FOR UPDATE");
    other.execute(AssertSqlSafe(middle)).await.expect("the table is there");
    let forth: Vec<_> = (0..MEMBERS).map(selector).collect();
    let back: Vec<_> = forth.iter().rev().copied().collect();
    let (first, second, ()) = tokio::join!(a.remove_members(&ada, forth), b.remove_members(&ada, back), async {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cloakroom' AND wait_event_type = 'Lock'";
        until("both wait", async || database.number(waiting).await == 2).await;
        other.rollback().await.expect("the server runs");
    });
    first.and(second).expect("none of them is rolled back");
    assert!(!database.server.log().contains("deadlock"), "{}", database.server.log());
    assert_eq!(database.number(&format!("SELECT count(*) FROM {schema}.cloakroom_members")).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_the_application_can_be_closed_while_the_store_exists() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let options: PgConnectOptions = database.server.url().parse().expect("the address of the server");
    let pool = PgPoolOptions::new().max_connections(4).connect_lazy_with(options);
    let store = PostgresStore::builder().schema(&schema).in_pool(pool.clone()).await.expect("the server runs");
    insert(&store, 1, record(database.now())).await;
    tokio::time::timeout(Duration::from_secs(20), pool.close()).await.expect("nothing keeps a connection");
    let failed = store.load(selector(1)).await.expect_err("the pool was closed");
    assert_eq!(failed.kind(), StoreErrorKind::Unavailable);
}
