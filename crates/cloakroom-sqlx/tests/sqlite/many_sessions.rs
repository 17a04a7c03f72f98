//! R20, R21, R23: very many sessions of one principal.

use cloakroom::{EndReason, EventKind, Login, SessionsBuilder};
use cloakroom_sqlx::SqliteStore;
use sqlx::Executor;
use tempfile::TempDir;

use crate::backend::folder;
use crate::dead_members::{self, DEAD, check_limits, log_in};
use crate::samples::{insert, record_of};
use crate::support::{Visitor, connect, recorded};

const MANY: usize = 100_000;

/// A store with so many sessions of `robot`.
async fn filled() -> (TempDir, SqliteStore) {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("a new file");
    insert(&store, 1, record_of("robot", None)).await;
    let columns = "format, version, nonce, writers, verifier, created_at, last_seen, idle_timeout, \
                   absolute_deadline, persistent, principal, logged_in_at, expires_at, examine_at, document";
    let mut database = connect(&path).await;
    let copies = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY}) \
         INSERT INTO cloakroom_sessions (namespace, selector, {columns}) \
         SELECT namespace, randomblob(16), {columns} FROM cloakroom_sessions, numbers"
    );
    database.execute(sqlx::AssertSqlSafe(copies)).await.expect("the store writes nothing now");
    let members = "INSERT INTO cloakroom_members (namespace, principal, selector) \
                   SELECT namespace, principal, selector FROM cloakroom_sessions WHERE id > 1";
    database.execute(members).await.expect("the store writes nothing now");
    (folder, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn r20_a_hundred_thousand_sessions_are_listed_and_ended() {
    let (_folder, store) = filled().await;
    let node = SessionsBuilder::unlimited_sessions_per_principal(recorded().store(store)).build().expect("valid");
    let robot = node.of("robot");
    assert_eq!(robot.list().await.expect("each page has its own deadline").len(), MANY);
    let visitor = Visitor::default();
    let visit = visitor.enter(&node);
    visit.login(Login::new("robot").ending_others()).await.expect("each batch has its own deadline");
    visit.leave().await;
    assert_eq!(robot.count().await.expect("the file can be read"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_a_login_with_a_limit_ends_all_but_a_thousand_of_a_hundred_thousand() {
    let (_folder, store) = filled().await;
    let node = recorded().store(store).build().expect("valid");
    let mut events = node.events();
    let visitor = Visitor::default();
    let visit = visitor.enter(&node);
    visit.login("robot").await.expect("each batch has its own deadline");
    visit.leave().await;
    assert_eq!(node.of("robot").count().await.expect("the file can be read"), 1000);
    assert_eq!(node.stats().ended_displaced, (MANY - 999) as u64);
    assert!(std::iter::from_fn(|| events.try_recv()).any(|event| event.kind == EventKind::Ended(EndReason::Displaced)));
}

/// A store with very many dead members between live ones.
async fn with_dead_members() -> (TempDir, SqliteStore, sqlx::SqliteConnection) {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("a new file");
    let mut database = connect(&path).await;
    let insert = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {DEAD}) \
         INSERT INTO cloakroom_members (namespace, principal, selector) \
         SELECT 'default', 'ada', unhex(printf('%032x', n)) FROM numbers"
    );
    dead_members::prepare(&store, async || {
        database.execute(sqlx::AssertSqlSafe(insert)).await.expect("the store writes nothing now");
    })
    .await;
    (folder, store, database)
}

#[tokio::test]
async fn each_login_removes_some_of_very_many_dead_members_wherever_they_are() {
    let (_folder, store, mut database) = with_dead_members().await;
    log_in(&store, 100).await;
    let members: i64 = sqlx::query_scalar("SELECT count(*) FROM cloakroom_members")
        .fetch_one(&mut database)
        .await
        .expect("the file is readable");
    assert!(members < DEAD - 500, "{members} members are left");
}

#[tokio::test]
async fn dead_members_end_no_live_session_at_a_limit() {
    let (_folder, store, _database) = with_dead_members().await;
    check_limits(&store).await;
}
