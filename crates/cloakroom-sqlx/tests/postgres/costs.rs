//! The cost of each operation for the server, as counts of the statements in its log.

use std::time::Duration;

use cloakroom::store::{Expect, Guard, Store, Touch};

use crate::database::Database;
use crate::samples::{KEY, insert, json, now, put, record, selector};
use crate::support::{Invalidations, until};

/// Starts to log every statement.
async fn log_statements(database: &Database) {
    database.execute("ALTER SYSTEM SET log_statement = 'all'").await;
    database.execute("SELECT pg_reload_conf()").await;
    until("statements are logged", async || {
        statements(database).await.iter().any(|line| line.contains("generate_series"))
    })
    .await;
}

/// The statements in the server's log, without those that look at the log.
async fn statements(database: &Database) -> Vec<String> {
    let log: String = sqlx::query_scalar("SELECT pg_read_file('../server.log') FROM generate_series(1, 1)")
        .fetch_one(&database.pool)
        .await
        .expect("the superuser may read it");
    let statements = log.lines().filter(|line| line.contains("LOG:  execute") || line.contains("LOG:  statement"));
    statements.map(str::to_owned).collect()
}

/// The statements that calls of the store have made, by their beginnings.
async fn made_by(database: &Database, work: impl Future<Output = ()>) -> Vec<&'static str> {
    let of_calls = |lines: Vec<String>| -> Vec<&'static str> {
        let kinds = [
            ("WITH session AS (UPDATE", "commit"),
            ("WITH session AS (INSERT", "create"),
            ("LATERAL", "load"),
            ("WITH touched", "touch"),
            ("WITH present", "destroy many"),
            ("FOR UPDATE", "lock"),
            ("WITH session AS (DELETE", "remove"),
            ("BEGIN", "begin"),
            ("COMMIT", "end"),
        ];
        let kind = |line: &String| kinds.iter().find(|(text, _)| line.contains(text)).map(|(_, kind)| *kind);
        lines.iter().filter_map(kind).collect()
    };
    let before = of_calls(statements(database).await).len();
    work.await;
    of_calls(statements(database).await).split_off(before)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_common_operation_is_one_statement() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let store = database.store(&schema).await;
    log_statements(&database).await;
    let created = made_by(&database, async {
        insert(&store, 1, record(now())).await;
    })
    .await;
    assert_eq!(created, ["create"]);
    let loaded = made_by(&database, async { drop(store.load(selector(1)).await.expect("the server runs")) }).await;
    assert_eq!(loaded, ["load"]);
    for base in 1..=10 {
        let record = store.load(selector(1)).await.expect("the server runs").expect("it is there").record;
        let mut commit = put(base, base << 32 | 7, KEY, Expect::Any, json(&base.to_string()));
        commit.head = Some(record.head());
        let made = made_by(&database, async { drop(store.commit(selector(1), commit).await.expect("it runs")) }).await;
        assert_eq!(made, ["commit"], "update {base}");
    }
    let touches = vec![Touch::new(selector(1), Guard::Anyone, now().after(Duration::from_secs(60))); 1];
    let touched = made_by(&database, async { store.touch(touches).await.expect("the server runs") }).await;
    assert_eq!(touched, ["touch"]);
    let ended = made_by(&database, async {
        store.destroy_many(vec![selector(1), selector(2)]).await;
    });
    assert_eq!(ended.await, ["destroy many"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_copies_nobody_uses_stops_polling_and_goes_on_when_they_are_used() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let open = || database.builder(&schema).poll_interval(Duration::from_millis(10));
    let idle = open().connect(&database.server.url()).await.expect("the server runs");
    let writer = open().connect(&database.server.url()).await.expect("the server runs");
    log_statements(&database).await;
    let polls = async || statements(&database).await.iter().filter(|line| line.contains("is_standby")).count();
    let mut last = 0;
    until("polling pauses", async || {
        let before = std::mem::replace(&mut last, polls().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        before == last
    })
    .await;
    insert(&writer, 1, record(now())).await;
    let seen = Invalidations::of(&idle);
    let mut lease = cloakroom::store::Lease::NONE;
    until("copies may be kept again", async || {
        lease = idle.load(selector(1)).await.expect("the server runs").expect("it is there").lease;
        idle.is_lease_valid(lease)
    })
    .await;
    writer.commit(selector(1), put(1, 9 << 32, KEY, Expect::Any, json("1"))).await.expect("the server runs");
    until("the change is known", async || {
        idle.is_lease_valid(lease);
        seen.count(selector(1)) == 1 || seen.of_all() > 0
    })
    .await;
}
