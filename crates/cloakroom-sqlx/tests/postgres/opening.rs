//! Errors at the start, each with its remedy.

use std::time::Duration;

use cloakroom::store::{Store, StoreErrorKind};
use cloakroom_sqlx::{ConnectError, PostgresStore, PostgresStoreBuilder};
use cloakroom_testbed::{Direction, Proxy};
use sqlx::postgres::PgPoolOptions;

use crate::database::Database;
use crate::samples::{insert, now, put, record, selector};
use crate::support::until;

/// The error of connecting, which contains the words and no password.
async fn refusal(builder: PostgresStoreBuilder, url: &str, words: &[&str]) -> ConnectError {
    let error = builder.connect(url).await.expect_err("it cannot be used");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(format!("{error:?}"), text, "`main` prints the debug format");
    error
}

#[tokio::test]
async fn a_setting_that_cannot_work_is_named_with_its_limits() {
    let url = "postgres://shop:hunter2@localhost/shop";
    let builder = PostgresStore::builder;
    let (millis, seconds) = (Duration::from_millis, Duration::from_secs);
    for (builder, words) in [
        (builder().namespace("a b"), ["`namespace`", "a-z"]),
        (builder().schema("public; DROP TABLE x"), ["`schema`", "a-z"]),
        (builder().deadline(millis(1)), ["`deadline`", "10ms"]),
        (builder().lease(seconds(61)), ["`lease`", "60s"]),
        (builder().poll_interval(millis(1)), ["`poll_interval`", "10ms"]),
        (builder().poll_interval(millis(1500)), ["`poll_interval`", "half of `lease`"]),
        (builder().max_connections(3), ["`max_connections`", "4"]),
    ] {
        assert!(matches!(refusal(builder, url, &words).await, ConnectError::Setting(_)));
    }
}

#[tokio::test]
async fn an_address_that_cannot_work_says_how_to_write_it() {
    for (url, words) in [
        ("localhost", ["`url`", "postgres://user:password@host/database"]),
        ("mysql://shop:hunter2@localhost/shop", ["`url`", "postgres://"]),
        ("postgres://shop:hunter2@local host/shop", ["`url`", "postgres://"]),
        ("postgres://shop:hunter2@localhost/shop?sslmode=perhaps", ["`url`", "postgres://"]),
        ("postgres://shop:hunter2@localhost/shop?namespace=a%20b", ["`namespace`", "a-z"]),
        ("postgres://shop:hunter2@localhost/shop?namespace=a&sslmode=disable&namespace=b", ["`namespace`", "once"]),
    ] {
        assert!(matches!(refusal(PostgresStore::builder(), url, &words).await, ConnectError::Setting(_)), "{url}");
    }
}

#[tokio::test]
async fn r61_nothing_is_sent_to_another_machine_unencrypted() {
    for url in ["postgres://shop:hunter2@db.example/shop", "postgres://shop:hunter2@192.0.2.1/shop?sslmode=prefer"] {
        let error = refusal(PostgresStore::builder(), url, &["`url`", "sslmode=verify-full", "allow_plaintext"]).await;
        assert!(matches!(error, ConnectError::Setting(_)));
    }
    // It goes on, and finds no such machine.
    let builder = PostgresStore::builder().allow_plaintext();
    let error = refusal(builder, "postgres://shop:hunter2@host.invalid/shop", &["host.invalid:5432"]).await;
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_is_down_is_waited_for_as_long_as_asked_and_not_longer() {
    let database = Database::start().await;
    let proxy = Proxy::start(database.server.address()).await.expect("a free port");
    proxy.refuse().await.expect("the port is ours");
    let url = database.server.url_through(proxy.port());
    let error = refusal(PostgresStore::builder(), &url, &["cannot be reached", "check the address"]).await;
    assert!(matches!(error, ConnectError::Unreachable { waited: Duration::ZERO, .. }), "{error}");
    let patience = Duration::from_millis(600);
    let error = PostgresStore::builder().connect_within(&url, patience).await.expect_err("it is down");
    assert!(error.to_string().contains("waited for"), "{error}");
    let (opened, accepted) =
        tokio::join!(PostgresStore::builder().connect_within(&url, Duration::from_secs(20)), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            proxy.accept().await
        });
    accepted.expect("the port is ours");
    opened.expect("the server came in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_during_the_start_is_not_waited_for_longer_than_asked() {
    let database = Database::start().await;
    let proxy = Proxy::start(database.server.address()).await.expect("a free port");
    let url = database.server.url_through(proxy.port());
    // Slow enough that the link can be broken between two steps.
    proxy.delay(Direction::ToClient, Duration::from_millis(300));
    let opening = tokio::spawn(async move { PostgresStore::connect(&url).await });
    let checking = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'PREPARE cloakroom_%'";
    until("it is connected", async || database.number(checking).await == 1).await;
    proxy.swallow(Direction::ToClient);
    let outcome = tokio::time::timeout(Duration::from_secs(30), opening).await.expect("there is a limit");
    let error = outcome.expect("it does not panic").expect_err("no answer comes");
    assert!(matches!(error, ConnectError::Unreachable { .. }) && error.to_string().contains("in time"), "{error}");
}

#[tokio::test]
async fn a_refusal_of_the_server_is_reported_with_its_remedy() {
    let database = Database::start().await;
    let url = database.server.url();
    let builder = PostgresStore::builder;
    let error = refusal(builder(), &url.replace("postgres@", "nobody:hunter2@"), &["nobody", "pg_hba.conf"]).await;
    assert!(matches!(error, ConnectError::Authentication { .. }), "{error}");
    let error = refusal(builder(), &url.replace("/postgres?", "/shop?"), &["shop", "createdb"]).await;
    assert!(matches!(error, ConnectError::NoDatabase { .. }), "{error}");
    database.execute("CREATE DATABASE reading").await;
    database.execute("ALTER DATABASE reading SET default_transaction_read_only = on").await;
    let error = refusal(builder(), &url.replace("/postgres?", "/reading?"), &["read-only", "primary"]).await;
    assert!(matches!(error, ConnectError::ReadOnly { .. }), "{error}");
}

#[tokio::test]
async fn tables_that_are_missing_old_or_new_are_reported_with_their_versions() {
    let database = Database::start().await;
    let url = database.server.url();
    let builder = || PostgresStore::builder().schema("shop");
    let missing = refusal(builder().without_migrations(), &url, &["version 0", "needs version 1", "migrations"]).await;
    assert!(matches!(missing, ConnectError::OlderSchema { found: 0, needed: 1, .. }), "{missing}");
    assert_eq!(
        database.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'shop'").await,
        0,
        "nothing was made"
    );
    drop(builder().connect(&url).await.expect("the superuser may create them"));
    drop(builder().without_migrations().connect(&url).await.expect("they are there"));
    database.execute("INSERT INTO shop.cloakroom_migrations VALUES (2, 0)").await;
    for builder in [builder(), builder().without_migrations()] {
        let newer = refusal(builder, &url, &["version 2", "up to 1", "update this program"]).await;
        assert!(matches!(newer, ConnectError::NewerSchema { found: 2, known: 1, .. }), "{newer}");
    }
}

#[tokio::test]
async fn many_nodes_that_start_at_once_create_the_tables_once() {
    let database = Database::start().await;
    let url = database.server.url();
    for (schema, isolation) in [("shop", "read committed"), ("office", "repeatable read")] {
        database.execute(&format!("ALTER DATABASE postgres SET default_transaction_isolation = '{isolation}'")).await;
        let start = |_| async { PostgresStore::builder().schema(schema).max_connections(4).connect(&url).await };
        let opened = futures_util::future::join_all((0..8).map(start)).await;
        assert!(opened.iter().all(Result::is_ok), "{isolation}: {opened:?}");
        assert_eq!(database.number(&format!("SELECT count(*) FROM {schema}.cloakroom_migrations")).await, 1);
    }
}

#[tokio::test]
async fn r60_a_right_that_is_missing_is_named_with_the_statement_that_grants_it() {
    let database = Database::start().await;
    let schema = database.schema().await;
    database.execute("CREATE ROLE app LOGIN").await;
    let url = database.server.url().replace("postgres@", "app@");
    let builder = || database.builder(&schema).without_migrations();
    let error = refusal(builder(), &url, &["GRANT USAGE ON SCHEMA"]).await;
    assert!(matches!(error, ConnectError::Denied { .. }), "{error}");
    database.execute(&format!("GRANT USAGE ON SCHEMA {schema} TO app")).await;
    for table in ["sessions", "values", "members", "changes", "feed", "migrations"] {
        database.execute(&format!("GRANT ALL ON {schema}.cloakroom_{table} TO app")).await;
    }
    database.execute("GRANT SELECT ON test_clock TO app").await;
    drop(builder().connect(&url).await.expect("it has all rights"));
    for (right, table) in [
        ("SELECT", "migrations"),
        ("UPDATE", "sessions"),
        ("DELETE", "values"),
        ("INSERT", "members"),
        ("DELETE", "changes"),
        ("INSERT", "feed"),
    ] {
        database.execute(&format!("REVOKE {right} ON {schema}.cloakroom_{table} FROM app")).await;
        let error = refusal(builder(), &url, &["GRANT", right, table]).await;
        assert!(matches!(error, ConnectError::Denied { .. }), "{error}");
        database.execute(&format!("GRANT {right} ON {schema}.cloakroom_{table} TO app")).await;
    }
    // It may use the schema but not create tables in another one.
    let error = refusal(PostgresStore::builder().schema("other"), &url, &["create the tables", "CREATE"]).await;
    assert!(matches!(error, ConnectError::Denied { .. }), "{error}");
}

#[tokio::test]
async fn a_pool_with_too_few_connections_is_refused() {
    let database = Database::start().await;
    let options = database.server.url().parse().expect("the address of the server");
    let pool = PgPoolOptions::new().max_connections(3).connect_lazy_with(options);
    let error = PostgresStore::in_pool(pool).await.expect_err("it is too small");
    assert!(error.to_string().contains("`max_connections` is less than 4"), "{error}");
}

#[tokio::test]
async fn a_right_that_is_taken_away_later_is_a_refusal_that_names_the_remedy() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let store = database.store(&schema).await;
    insert(&store, 1, record(now())).await;
    database.execute(&format!("ALTER TABLE {schema}.cloakroom_values RENAME TO elsewhere")).await;
    let commit = put(1, 1 << 32, "count", cloakroom::store::Expect::Any, crate::samples::json("1"));
    let error = store.commit(selector(1), commit).await.expect_err("the table is gone");
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(source.contains("migrations"), "{source}");
}
