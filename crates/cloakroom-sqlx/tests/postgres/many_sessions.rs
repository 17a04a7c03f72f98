//! R20, R21, R23: very many sessions of one principal.

use cloakroom::{EndReason, EventKind, Login, Sessions, SessionsBuilder};
use cloakroom_sqlx::PostgresStore;

use crate::database::Database;
use crate::dead_members::{self, DEAD, check_limits, log_in};
use crate::samples::{insert, record_of};
use crate::support::{Visitor, recorded};

const MANY: usize = 100_000;

/// A schema with so many sessions of `robot`.
async fn filled(database: &Database) -> String {
    let schema = database.schema().await;
    insert(&database.store(&schema).await, 1, record_of("robot", None)).await;
    let columns = "format, version, nonce, writers, verifier, created_at, last_seen, idle_timeout, \
                   absolute_deadline, persistent, principal, logged_in_at, expires_at, examine_at";
    database
        .execute(&format!(
            "WITH copied AS (INSERT INTO {schema}.cloakroom_sessions (namespace, selector, {columns}) \
             SELECT namespace, decode(md5(n::TEXT), 'hex'), {columns} \
             FROM {schema}.cloakroom_sessions, generate_series(1, {MANY}) n RETURNING namespace, principal, selector) \
             INSERT INTO {schema}.cloakroom_members (namespace, principal, selector) SELECT * FROM copied"
        ))
        .await;
    schema
}

async fn node(database: &Database, schema: &str, set: impl FnOnce(SessionsBuilder) -> SessionsBuilder) -> Sessions {
    set(recorded().store(database.store(schema).await)).build().expect("the settings are valid")
}

#[tokio::test(flavor = "multi_thread")]
async fn r20_a_hundred_thousand_sessions_are_listed_and_ended() {
    let database = Database::start().await;
    let schema = filled(&database).await;
    let node = node(&database, &schema, SessionsBuilder::unlimited_sessions_per_principal).await;
    let robot = node.of("robot");
    assert_eq!(robot.list().await.expect("each page has its own deadline").len(), MANY);
    let visitor = Visitor::default();
    let visit = visitor.enter(&node);
    visit.login(Login::new("robot").ending_others()).await.expect("each batch has its own deadline");
    visit.leave().await;
    assert_eq!(robot.count().await.expect("the server runs"), 1);
    let left = format!("SELECT count(*) FROM {schema}.cloakroom_sessions WHERE principal = 'robot'");
    assert_eq!(database.number(&left).await, 2, "the new session, and the one that is in no index");
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_a_login_with_a_limit_ends_all_but_a_thousand_of_a_hundred_thousand() {
    let database = Database::start().await;
    let schema = filled(&database).await;
    let node = node(&database, &schema, |sessions| sessions).await;
    let mut events = node.events();
    let visitor = Visitor::default();
    let visit = visitor.enter(&node);
    visit.login("robot").await.expect("each batch has its own deadline");
    visit.leave().await;
    assert_eq!(node.of("robot").count().await.expect("the server runs"), 1000);
    assert_eq!(node.stats().ended_displaced, (MANY - 999) as u64);
    assert!(std::iter::from_fn(|| events.try_recv()).any(|event| event.kind == EventKind::Ended(EndReason::Displaced)));
}

/// A store with very many dead members between live ones.
async fn with_dead_members(database: &Database) -> (String, PostgresStore) {
    let schema = database.schema().await;
    let store = database.store(&schema).await;
    let insert = format!(
        "INSERT INTO {schema}.cloakroom_members (namespace, principal, selector) \
         SELECT 'default', 'ada', decode(lpad(to_hex(n), 32, '0'), 'hex') FROM generate_series(1, {DEAD}) n"
    );
    dead_members::prepare(&store, async || database.execute(&insert).await).await;
    (schema, store)
}

#[tokio::test]
async fn each_login_removes_some_of_very_many_dead_members_wherever_they_are() {
    let database = Database::start().await;
    let (schema, store) = with_dead_members(&database).await;
    log_in(&store, 100).await;
    let members = database.number(&format!("SELECT count(*) FROM {schema}.cloakroom_members")).await;
    assert!(members < DEAD - 500, "{members} members are left");
}

#[tokio::test]
async fn dead_members_end_no_live_session_at_a_limit() {
    let database = Database::start().await;
    let (_schema, store) = with_dead_members(&database).await;
    check_limits(&store).await;
}
