//! What prevents the start, and what a user is told about it.

use std::path::Path;
use std::time::Duration;

use cloakroom::store::{Store, StoreErrorKind};
use cloakroom_sqlx::{Durability, OpenError, SqliteStore};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqlitePool};

use crate::backend::{folder, impatient};
use crate::samples::{insert, now, record, selector};
use crate::support::connect;

fn pool(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new().connect_lazy_with(SqliteConnectOptions::new().filename(path).create_if_missing(true))
}

/// The error of opening `path`, which names the path and contains the words.
async fn refusal(path: &Path, words: &[&str]) -> OpenError {
    let error = impatient().busy_timeout(Duration::from_millis(20)).open(path).await.expect_err("it cannot be used");
    let text = error.to_string();
    for word in words.iter().copied().chain([&*path.display().to_string()]) {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert_eq!(format!("{error:?}"), text, "`main` prints the debug format");
    error
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_named() {
    let (folder, _) = folder();
    let missing = folder.path().join("data");
    let error = impatient().open(missing.join("sessions.db")).await.expect_err("there is no folder");
    assert!(matches!(&error, OpenError::NoFolder { path } if *path == missing), "{error}");
    assert!(error.to_string().contains("create it"), "{error}");
}

#[tokio::test]
async fn a_folder_is_not_taken_for_a_file() {
    let (folder, _) = folder();
    let error = refusal(folder.path(), &["not a file"]).await;
    assert!(matches!(error, OpenError::NotAFile { .. }), "{error}");
}

/// `sqlx` takes them for a database in memory, or for an address.
#[tokio::test]
async fn a_name_that_is_no_path_is_refused_and_makes_no_file() {
    for name in [":memory:", "sqlite::memory:", "sqlite://sessions.db", "file:sessions.db?mode=rwc"] {
        let error = impatient().open(name).await.expect_err("it is no path").to_string();
        assert!(error.starts_with("`path` is ") && error.contains(name) && error.contains("in_memory"), "{error}");
        assert!(!Path::new(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let text = "Dear diary, this is not a database. ".repeat(100);
    std::fs::write(&path, &text).expect("the folder is ours");
    let error = refusal(&path, &["not an SQLite database", "another file"]).await;
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), text);
}

#[tokio::test]
async fn a_damaged_database_is_an_error_with_the_way_out() {
    let (_folder, path) = folder();
    impatient().open(&path).await.expect("it is created").close().await;
    let mut bytes = std::fs::read(&path).expect("it is there");
    bytes[4096..].fill(0xA5);
    std::fs::write(&path, bytes).expect("it is ours");
    let error = refusal(&path, &["damaged", ".recover", "backup"]).await;
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn tables_of_a_newer_release_are_refused_and_left_alone() {
    let (_folder, path) = folder();
    impatient().open(&path).await.expect("it is created").close().await;
    let mut connection = connect(&path).await;
    sqlx::query("INSERT INTO cloakroom_migrations VALUES (7, 0)").execute(&mut connection).await.expect("it is ours");
    let error = refusal(&path, &["version 7", "up to 1", "update this program"]).await;
    assert!(matches!(error, OpenError::NewerSchema { found: 7, known: 1, .. }), "{error}");
    let error = impatient().in_pool(pool(&path)).await.expect_err("nor in a pool");
    assert!(matches!(error, OpenError::NewerSchema { found: 7, known: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_database_that_another_program_has_locked_is_an_error_after_the_timeout() {
    let (_folder, path) = folder();
    let mut other = connect(&path).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.expect("nobody else has locked it");
    let error = refusal(&path, &["locked", "busy_timeout"]).await;
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("it is open");
    impatient().open(&path).await.expect("the lock is gone");
}

#[cfg(unix)]
mod rights {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::support::ran_without_privileges;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("it exists").permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn only_the_user_of_the_program_can_read_what_it_creates() {
        let (folder, path) = folder();
        let store = SqliteStore::open(&path).await.expect("it is created");
        let created: Vec<_> = std::fs::read_dir(folder.path()).expect("it is ours").flatten().collect();
        assert!(created.len() >= 3, "the file, its log and the lock: {created:?}");
        for file in created {
            assert_eq!(mode(&file.path()), 0o600, "{file:?}");
        }
        drop(store);
    }

    #[tokio::test]
    async fn a_file_that_is_read_only_is_an_error_with_the_way_out() {
        if ran_without_privileges("opening::rights::a_file_that_is_read_only_is_an_error_with_the_way_out") {
            return;
        }
        let (_folder, path) = folder();
        drop(connect(&path).await);
        set_mode(&path, 0o400);
        let error = refusal(&path, &["read-only", "write the file and its folder"]).await;
        assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_an_error_with_the_way_out() {
        if ran_without_privileges("opening::rights::a_file_that_cannot_be_opened_is_an_error_with_the_way_out") {
            return;
        }
        let (_folder, path) = folder();
        drop(connect(&path).await);
        set_mode(&path, 0);
        let error = refusal(&path, &["permission denied", "read and write the file"]).await;
        assert!(matches!(error, OpenError::PermissionDenied { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_an_error_with_the_way_out() {
        if ran_without_privileges("opening::rights::a_folder_that_cannot_be_written_is_an_error_with_the_way_out") {
            return;
        }
        let (folder, path) = folder();
        set_mode(folder.path(), 0o500);
        let error = refusal(&path, &["permission denied", "create files in its folder"]).await;
        assert!(matches!(error, OpenError::PermissionDenied { .. }), "{error}");
        set_mode(folder.path(), 0o700);
        drop(connect(&path).await);
        set_mode(folder.path(), 0o500);
        let error = impatient().open(&path).await.expect_err("the log cannot be created");
        assert!(matches!(error, OpenError::PermissionDenied { .. }), "{error}");
        set_mode(folder.path(), 0o700);
    }
}

#[tokio::test]
async fn settings_out_of_their_bounds_are_named() {
    let (_folder, path) = folder();
    for (builder, field) in [
        (SqliteStore::builder().take_over_timeout(Duration::from_secs(3601)), "take_over_timeout"),
        (SqliteStore::builder().busy_timeout(Duration::from_millis(9)), "busy_timeout"),
        (SqliteStore::builder().busy_timeout(Duration::from_secs(61)), "busy_timeout"),
        (SqliteStore::builder().namespace("My Shop"), "namespace"),
    ] {
        let error = builder.clone().open(&path).await.expect_err("it is out of bounds").to_string();
        let has_remedy = error.contains("must be between ") || error.contains("use ");
        assert!(error.starts_with(&format!("`{field}` ")) && has_remedy, "{error}");
        assert_eq!(builder.in_pool(pool(&path)).await.expect_err("nor in a pool").to_string(), error);
        assert!(!path.exists(), "settings are checked first");
    }
}

#[tokio::test]
async fn a_pool_that_is_less_durable_than_asked_for_is_refused() {
    let (_folder, path) = folder();
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let builder = || impatient().durability(Durability::PowerLoss);
    for (synchronous, is_enough) in [
        (SqliteSynchronous::Off, false),
        (SqliteSynchronous::Normal, false),
        (SqliteSynchronous::Full, true),
        (SqliteSynchronous::Extra, true),
    ] {
        let pool = SqlitePoolOptions::new().connect_lazy_with(options.clone().synchronous(synchronous));
        match builder().in_pool(pool).await {
            Ok(store) => {
                assert!(is_enough, "{synchronous:?}");
                store.close().await;
            }
            Err(error) => {
                assert!(!is_enough, "{synchronous:?}: {error}");
                assert!(error.to_string().contains("synchronous"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_database_of_the_application_keeps_what_is_in_it() {
    let (_folder, path) = folder();
    let mut application = connect(&path).await;
    for sql in
        ["CREATE TABLE _sqlx_migrations (x)", "CREATE TABLE users (name TEXT)", "INSERT INTO users VALUES ('ada')"]
    {
        sqlx::query(sql).execute(&mut application).await.expect("it is ours");
    }
    application.close().await.expect("it is open");
    let pool = pool(&path);
    let store = impatient().in_pool(pool.clone()).await.expect("the pool can be used");
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1",
    )
    .fetch_all(&pool)
    .await
    .expect("the pool is open");
    let ours = ["cloakroom_members", "cloakroom_migrations", "cloakroom_sessions"];
    assert_eq!(tables, ["_sqlx_migrations"].into_iter().chain(ours).chain(["users"]).collect::<Vec<_>>());
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&pool).await.expect("the pool is open");
    assert_eq!(mode, "delete", "the options of the pool are the application's");
    store.close().await;
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&pool).await.expect("it stays open");
    assert_eq!(users, 1);
}

#[tokio::test]
async fn a_pool_whose_journal_does_not_survive_the_process_is_refused() {
    let (_folder, path) = folder();
    for mode in [SqliteJournalMode::Off, SqliteJournalMode::Memory] {
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true).journal_mode(mode);
        let pool = SqlitePoolOptions::new().connect_lazy_with(options);
        let error = impatient().in_pool(pool).await.expect_err("a crash would damage the file").to_string();
        assert!(error.starts_with("`journal_mode` ") && error.contains("use WAL"), "{error}");
    }
}

/// The application holds the only connection of its pool across a call.
#[tokio::test]
async fn a_pool_without_a_free_connection_is_an_error_in_time() {
    let (_folder, path) = folder();
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options);
    let store = impatient().busy_timeout(Duration::from_millis(50)).in_pool(pool.clone()).await.expect("it is free");
    let held = pool.acquire().await.expect("it is free");
    let error = store.create(selector(1), record(now())).await.expect_err("no connection is free");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    assert!(format!("{error:?}").contains("more connections"), "{error:?}");
    drop(held);
    insert(&store, 1, record(now())).await;
}

/// SQLite has no transactions in transactions, so the store ends the one that it meets.
#[tokio::test]
async fn a_transaction_left_open_in_the_pool_does_not_keep_the_store_from_writing() {
    let (_folder, path) = folder();
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options);
    let store = impatient().in_pool(pool.clone()).await.expect("the pool can be used");
    let mut connection = pool.acquire().await.expect("it is free");
    sqlx::query("BEGIN").execute(&mut *connection).await.expect("there is none");
    drop(connection);
    // Whether the pool hands the connection out again depends on the moment.
    if let Err(error) = store.create(selector(1), record(now())).await {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    }
    insert(&store, 2, record(now())).await;
}
