//! Changes by one node, and how the other nodes learn of them.

use std::time::Duration;

use cloakroom::store::{Expect, Guard, Store};
use cloakroom_sqlx::PostgresStore;
use cloakroom_testbed::{Direction, Proxy};
use sqlx::{AssertSqlSafe, Executor};

use crate::database::{Database, LEASE};
use crate::samples::{KEY, count, insert, json, now, put, record, selector};
use crate::support::{Invalidations, log, until};

/// Longer than any test, so that a poll is no explanation for what happens.
const NEVER: Duration = Duration::from_secs(30);

async fn write(store: &PostgresStore, place: u64, base: u64, number: u64) {
    let commit = put(base, number << 32 | 7, KEY, Expect::Any, json(&number.to_string()));
    store.commit(selector(place), commit).await.expect("the server runs");
}

/// A change by another node, as the row that the node writes.
fn change(schema: &str, place: u64) -> String {
    let selector: String = selector(place).as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "INSERT INTO {schema}.cloakroom_changes (transaction_id, namespace, selector, write) \
         VALUES (pg_current_xact_id(), 'default', '\\x{selector}', {place})"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_makes_a_change_known_long_before_the_next_poll() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let open = || database.builder(&schema).lease(NEVER * 2).poll_interval(NEVER);
    let a = open().connect(&database.server.url()).await.expect("the server runs");
    let b = open().connect(&database.server.url()).await.expect("the server runs");
    let seen = Invalidations::of(&b);
    insert(&a, 1, record(now())).await;
    let mut version = 1;
    // The second node may still be about to listen.
    until("a change is known", async || {
        write(&a, 1, version, version).await;
        version += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
        seen.count(selector(1)) > 0
    })
    .await;
    for operation in ["touch", "destroy"] {
        let before = seen.count(selector(1));
        match operation {
            "touch" => {
                let touch = cloakroom::store::Touch::new(selector(1), Guard::Anyone, now().after(NEVER));
                a.touch(vec![touch]).await.expect("the server runs");
            }
            _ => drop(a.destroy(selector(1), Guard::Anyone).await.expect("the server runs")),
        }
        until(operation, async || seen.count(selector(1)) > before).await;
    }
    assert_eq!(Invalidations::of(&a).count(selector(1)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_alone_makes_a_change_known_within_the_lease() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let url = database.server.url();
    let a = database.store(&schema).await;
    let b = database.builder(&schema).transaction_pooling().connect(&url).await.expect("the server runs");
    let (own, foreign) = (Invalidations::of(&a), Invalidations::of(&b));
    for place in 1..=20 {
        insert(&a, place, record(now())).await;
        write(&a, place, 1, 2).await;
    }
    until("all changes are known", async || (1..=20).all(|place| foreign.count(selector(place)) == 1)).await;
    // A poll may come between the commit and its answer; then the copy is dropped to be safe.
    let kept = (1..=20).filter(|place| own.count(selector(*place)) == 0).count();
    assert!(kept >= 15, "the writer keeps its own copies: {kept}");
    assert_eq!(foreign.of_all(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_committed_late_is_seen_once_and_not_missed() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let (a, b) = (database.store(&schema).await, database.store(&schema).await);
    let seen = Invalidations::of(&b);
    for place in 1..=2 {
        insert(&a, place, record(now())).await;
    }
    // The transaction has its number before others that are committed and polled first.
    let mut late = database.pool.begin().await.expect("the server runs");
    late.execute(AssertSqlSafe(change(&schema, 1))).await.expect("the table is there");
    for version in 1..=5 {
        write(&a, 2, version, version).await;
        until("the change is known", async || seen.count(selector(2)) == version as usize).await;
    }
    assert_eq!(seen.count(selector(1)), 0, "the transaction is not committed");
    late.commit().await.expect("the server runs");
    until("the late change is known", async || seen.count(selector(1)) == 1).await;
    // Several polls later, every change was reported once, although the transactions overlapped.
    write(&a, 2, 6, 6).await;
    until("the next change is known", async || seen.count(selector(2)) == 6).await;
    assert_eq!((seen.count(selector(1)), seen.of_all()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_transaction_of_somebody_else_neither_hides_nor_repeats_changes() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let (a, b) = (database.store(&schema).await, database.store(&schema).await);
    let seen = Invalidations::of(&b);
    let mut long = database.pool.begin().await.expect("the server runs");
    long.execute("SELECT pg_current_xact_id()").await.expect("the server runs");
    insert(&a, 1, record(now())).await;
    for version in 1..=10 {
        write(&a, 1, version, version).await;
        until("the change is known", async || seen.count(selector(1)) >= version as usize).await;
    }
    assert_eq!(seen.count(selector(1)), 10, "each change is reported once");
    drop(long);
}

/// Reads a session until its copy may be kept, and returns the lease of the copy.
async fn leased(store: &PostgresStore, place: u64) -> cloakroom::store::Lease {
    let mut lease = cloakroom::store::Lease::NONE;
    until("copies may be kept", async || {
        // The server may not be back yet.
        let Ok(found) = store.load(selector(place)).await else { return false };
        lease = found.expect("it is there").lease;
        store.is_lease_valid(lease)
    })
    .await;
    lease
}

#[tokio::test(flavor = "multi_thread")]
async fn every_loss_of_changes_drops_all_copies() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let store = database.store(&schema).await;
    let seen = Invalidations::of(&store);
    insert(&store, 1, record(now())).await;
    for (round, loss) in [
        // A crash of the server empties both.
        format!("TRUNCATE {schema}.cloakroom_changes, {schema}.cloakroom_feed"),
        // Others have removed what this node has not read.
        format!("UPDATE {schema}.cloakroom_feed SET removed = '9000000000000000000:9000000000000000000:'"),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cloakroom'".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let lease = leased(&store, 1).await;
        database.execute(&loss).await;
        until("the copies are dropped", async || !store.is_lease_valid(lease)).await;
        until("they are dropped by name", async || seen.of_all() > round as u32).await;
        if round == 1 {
            database.execute(&format!("UPDATE {schema}.cloakroom_feed SET removed = '1:1:'")).await;
        }
    }
    leased(&store, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_ends_the_lease_in_time() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let proxy = Proxy::start(database.server.address()).await.expect("a free port");
    let url = database.server.url_through(proxy.port());
    let store = database.builder(&schema).connect(&url).await.expect("the server runs");
    insert(&store, 1, record(now())).await;
    let lease = leased(&store, 1).await;
    assert!(!store.is_lease_lost());
    proxy.hold(Direction::ToClient);
    let began = std::time::Instant::now();
    until("the lease is over", async || !store.is_lease_valid(lease)).await;
    assert!(began.elapsed() < LEASE * 3, "{:?}", began.elapsed());
    assert!(store.is_lease_lost());
    proxy.release(Direction::ToClient);
    let lease = leased(&store, 1).await;
    write(&store, 1, 1, 5).await;
    assert_eq!(count(&store.load(selector(1)).await.expect("it answers").expect("it is there").record), 5);
    assert!(store.is_lease_valid(lease) || leased(&store, 1).await != lease);
}

#[tokio::test]
async fn a_node_listens_over_another_connection_if_its_own_has_gone_silent() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let (log, _guard) = log::capture();
    let proxy = Proxy::start(database.server.address()).await.expect("a free port");
    let url = database.server.url_through(proxy.port());
    let store = database.builder(&schema).deadline(LEASE).connect(&url).await.expect("the server runs");
    until("notifications arrive", async || log.text().contains("notifications of other nodes are received")).await;
    let listening = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    let listeners = format!("SELECT count(*) {listening}");
    until("only this node listens", async || database.number(&listeners).await == 1).await;
    let pid = format!("SELECT coalesce(max(pid), 0)::BIGINT {listening}");
    let first = database.number(&pid).await;
    // No end of the connection arrives, as if a firewall had forgotten it.
    proxy.swallow(Direction::ToClient);
    until("the node notices", async || log.text().contains("has gone silent")).await;
    proxy.pass();
    until("the node listens again", async || ![0, first].contains(&database.number(&pid).await)).await;
    until("calls succeed", async || store.load(selector(1)).await.is_ok()).await;
}

/// The first notification fails, which a node sends to itself.
#[tokio::test]
async fn a_node_listens_although_its_first_attempt_failed() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let (log, _guard) = log::capture();
    for sql in [
        "CREATE ROLE app LOGIN",
        "REVOKE EXECUTE ON FUNCTION pg_notify(TEXT, TEXT) FROM PUBLIC",
        "GRANT SELECT ON public.test_clock TO app",
        &format!("GRANT USAGE ON SCHEMA {schema} TO app"),
        &format!("GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO app"),
    ] {
        database.execute(sql).await;
    }
    let url = database.server.url().replace("postgres@", "app@");
    let _store = database.builder(&schema).without_migrations().connect(&url).await.expect("the server runs");
    until("the first attempt fails", async || log.text().contains("are not received at present")).await;
    assert!(!log.text().contains("notifications of other nodes are received"));
    database.execute("GRANT EXECUTE ON FUNCTION pg_notify(TEXT, TEXT) TO PUBLIC").await;
    until("notifications arrive", async || log.text().contains("notifications of other nodes are received")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_fails_calls_at_once_and_works_again_when_it_is_back() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let proxy = Proxy::start(database.server.address()).await.expect("a free port");
    let url = database.server.url_through(proxy.port());
    let store = database.builder(&schema).deadline(NEVER).connect(&url).await.expect("the server runs");
    insert(&store, 1, record(now())).await;
    proxy.refuse().await.expect("the port is ours");
    proxy.cut().await;
    // The first calls may meet connections that they do not know to be broken.
    until("calls fail at once", async || {
        let began = std::time::Instant::now();
        let failed = store.load(selector(1)).await.expect_err("the server cannot be reached");
        assert_eq!(failed.kind(), cloakroom::store::StoreErrorKind::Unavailable);
        began.elapsed() < Duration::from_millis(50)
    })
    .await;
    proxy.accept().await.expect("the port is ours");
    until("calls succeed", async || store.load(selector(1)).await.is_ok()).await;
    leased(&store, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_all_nodes_have_read_are_removed_without_a_lost_copy() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let (a, b) = (database.store(&schema).await, database.store(&schema).await);
    let seen = Invalidations::of(&b);
    insert(&a, 1, record(now())).await;
    let lease = leased(&b, 1).await;
    write(&a, 1, 1, 5).await;
    // It holds back no removal, and is not removed itself.
    let mut open = database.pool.begin().await.expect("the server runs");
    open.execute(AssertSqlSafe(change(&schema, 2))).await.expect("the table is there");
    let left = format!("SELECT count(*) FROM {schema}.cloakroom_changes");
    until("the change was removed", async || {
        // Used, so that the nodes go on polling.
        a.is_lease_valid(lease);
        b.is_lease_valid(lease) && database.number(&left).await == 0
    })
    .await;
    open.commit().await.expect("the server runs");
    until("the open change is known", async || seen.count(selector(2)) == 1).await;
    assert_eq!((seen.count(selector(1)), seen.of_all()), (1, 0));
    assert!(b.is_lease_valid(lease), "the lease never ended");
}

#[tokio::test]
async fn an_outage_is_logged_once_and_its_end_too() {
    let (log, _guard) = log::capture();
    let database = Database::start().await;
    let schema = database.schema().await;
    let proxy = Proxy::start(database.server.address()).await.expect("a free port");
    let url = database.server.url_through(proxy.port());
    let store = database.builder(&schema).connect(&url).await.expect("the server runs");
    insert(&store, 1, record(now())).await;
    leased(&store, 1).await;
    proxy.refuse().await.expect("the port is ours");
    proxy.cut().await;
    let lines = |text: &str| log.text().lines().filter(|line| line.contains(text)).count();
    until("three more attempts have failed", async || lines("still cannot be read") >= 3).await;
    proxy.accept().await.expect("the port is ours");
    leased(&store, 1).await;
    assert_eq!(lines("copies in memory are not used"), 1, "{}", log.text());
    assert_eq!(lines("are read again"), 1, "{}", log.text());
}
