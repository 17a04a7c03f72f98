//! The checks of the doctor, over stores in which something is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cloakroom::store::Store;
use cloakroom_sqlx::{PostgresStore, SqliteStore};
use cloakroom_testbed::{PgBouncer, Postgres, Server};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::application::Place;
use crate::program::{Run, cloakroom};

/// Runs the doctor, and expects that an application can use the store.
fn healthy(address: &str) -> Run {
    let run = cloakroom(Some(address), &["doctor"]);
    assert!(run.success && !run.stdout.contains("FAIL"), "{run:?}");
    run
}

/// Runs the doctor, and expects that an application cannot use the store. Returns what failed.
fn failure(address: &str) -> String {
    let run = cloakroom(Some(address), &["doctor"]);
    assert!(!run.success && run.stderr.is_empty(), "{run:?}");
    let failed: Vec<_> = run.stdout.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(!failed.is_empty(), "{run:?}");
    failed.join("\n")
}

fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

/// The lines that warn.
fn warnings(run: &Run) -> String {
    run.stdout.lines().filter(|line| line.starts_with("WARN")).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_each_store_in_order() {
    for place in Place::all().await {
        place.fill().await;
        let run = healthy(&place.address());
        // The Redis of the tests does not persist data.
        assert!(warnings(&run).is_empty() || matches!(place, Place::Redis(_)), "{run:?}");
        let left = cloakroom(Some(&place.address()), &["stats", "--json"]).json();
        assert_eq!(left["sessions"], 3, "its own session is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_what_is_wrong_with_the_configuration_of_redis() {
    let server = Server::start().await.unwrap();
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await.unwrap();
    let run = healthy(&server.url());
    let warning = run.stdout.lines().find(|line| line.contains("maxmemory-policy allkeys-lru")).expect("a warning");
    assert!(warning.starts_with("WARN  configuration of the server: "), "{warning}");
    assert!(warning.ends_with("set `noeviction`"), "{warning}");
    let json = cloakroom(Some(&server.url()), &["doctor", "--json"]).json();
    let results: Vec<_> = json.as_array().unwrap().iter().map(|check| check["result"].as_str().unwrap()).collect();
    assert!(results.contains(&"ok") && results.contains(&"warning"), "{json}");
}

/// The names, contents and rights of all files in a folder.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>, u32)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let rights = path.metadata().unwrap().permissions().mode();
            (path.display().to_string(), fs::read(&path).unwrap(), rights)
        })
        .collect();
    files.sort_unstable();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_no_process_uses_is_left_exactly_as_it_is() {
    let [_, _, place] = Place::all().await;
    place.fill().await;
    let Place::Sqlite(folder) = &place else { unreachable!() };
    let before = contents(folder.path());
    assert_says(&healthy(&place.address()).stdout, &["no process uses", "3 sessions", "integrity", "MiB are free"]);
    assert_eq!(contents(folder.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_checked_while_an_application_uses_it_and_goes_on_to() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let run = healthy(&format!("sqlite:{}", path.display()));
    assert_says(&run.stdout, &[&format!("process {} uses the sessions", std::process::id()), "journal mode: wal"]);
    assert_eq!(store.count().await.unwrap(), 0);
    store.close().await;
}

/// Beside the file is the log of changes that its application has not moved into it.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_application_was_killed_is_read_and_stays_as_it_was() {
    let (folder, crashed) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = SqliteStore::open(folder.path().join("sessions.db")).await.unwrap();
    let files = ["sessions.db", "sessions.db-wal"];
    for file in files {
        fs::copy(folder.path().join(file), crashed.path().join(file)).unwrap();
    }
    store.close().await;
    let read = || files.map(|file| fs::read(crashed.path().join(file)).unwrap());
    let before = read();
    assert!(!before[1].is_empty(), "the tables are in the log");
    let run = healthy(&format!("sqlite:{}", crashed.path().join("sessions.db").display()));
    assert_says(&run.stdout, &["no process uses", "tables: version 1, 0 sessions"]);
    assert_eq!(read(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_newer_release_is_reported() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let url = format!("sqlite:{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    connection.execute("INSERT INTO cloakroom_migrations VALUES (7, 0)").await.unwrap();
    connection.close().await.unwrap();
    assert_says(&failure(&url), &["version 7", "update this program"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_file_has_its_remedy() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let address = |name: &str| format!("sqlite:{}", at(name).display());

    assert_says(&failure(&address("missing.db")), &["there is no such file"]);
    assert!(!at("missing.db").exists(), "the doctor creates nothing");
    assert_says(&failure(&format!("sqlite:{}", folder.path().display())), &["not a file"]);

    fs::write(at("text.db"), "these are no sessions".repeat(100)).unwrap();
    assert_says(&failure(&address("text.db")), &["not an SQLite database"]);

    fs::write(at("empty.db"), "").unwrap();
    fs::set_permissions(at("empty.db"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_says(&warnings(&healthy(&address("empty.db"))), &["the file is empty"]);

    let store = SqliteStore::open(at("open.db")).await.unwrap();
    store.close().await;
    fs::set_permissions(at("open.db"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_says(&warnings(&healthy(&address("open.db"))), &["other users of this machine", "chmod 600"]);

    let mut newer = fs::read(at("open.db")).unwrap();
    fs::write(at("torn.db"), &newer[..newer.len() / 2]).unwrap();
    assert_says(&failure(&address("torn.db")), &["damaged", ".recover"]);

    let middle = newer.len() / 2;
    newer[middle..].fill(0x55);
    fs::write(at("scratched.db"), &newer).unwrap();
    assert_says(&failure(&address("scratched.db")), &["damaged", ".recover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_or_refuses_is_reported() {
    for address in ["redis://127.0.0.1:1/", "postgres://127.0.0.1:1/shop"] {
        assert_says(&failure(address), &["refused"]);
    }
    let server = Postgres::start().await.unwrap();
    let other = server.url().replace("/postgres?", "/nowhere?");
    assert_ne!(other, server.url());
    assert_says(&failure(&other), &["createdb"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_tables_is_reported_and_stays_without() {
    let server = Postgres::start().await.unwrap();
    for _ in 0..2 {
        assert_says(&failure(&server.url()), &["tables", "version 0", "migrations/postgres"]);
        let listed = cloakroom(Some(&server.url()), &["list"]);
        assert!(!listed.success && listed.stderr.contains("version 0"), "{listed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_sessions_that_nobody_removes_are_reported() {
    let [_, place, _] = Place::all().await;
    place.fill().await;
    let mut owner = PgConnection::connect(&place.address()).await.unwrap();
    owner.execute("UPDATE cloakroom_sessions SET examine_at = cloakroom_now() - 3600000").await.unwrap();
    let warning = warnings(&healthy(&place.address()));
    assert_says(&warning, &["expired 60 minutes ago", "a running application removes them"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_database_has_its_remedy() {
    let server = Postgres::start().await.unwrap();
    drop(PostgresStore::connect(&server.url()).await.unwrap());
    let mut owner = PgConnection::connect(&server.url()).await.unwrap();
    let mut psql = async |sql: &'static str| owner.execute(sql).await.map(drop).unwrap();

    psql("CREATE ROLE app LOGIN").await;
    psql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO app").await;
    psql("GRANT INSERT, UPDATE ON cloakroom_sessions TO app").await;
    let app = server.url().replace("postgres@", "app@");
    let missing = failure(&app);
    assert_says(
        &missing,
        &[
            "(DELETE on cloakroom_sessions is missing)",
            "(INSERT, DELETE on cloakroom_changes is missing)",
            "; run as the owner: GRANT SELECT, INSERT, UPDATE, DELETE ON",
        ],
    );
    psql("REVOKE SELECT ON cloakroom_migrations FROM app").await;
    assert_says(&failure(&app), &["GRANT SELECT ON", "cloakroom_migrations"]);

    psql("ALTER ROLE app SET synchronous_commit = off").await;
    psql("GRANT ALL ON ALL TABLES IN SCHEMA public TO app").await;
    assert_says(&warnings(&healthy(&app)), &["synchronous_commit is off", "set `synchronous_commit = on`"]);

    psql("ALTER ROLE app SET default_transaction_read_only = on").await;
    assert_says(&failure(&app), &["standby or read-only"]);

    psql("INSERT INTO cloakroom_migrations VALUES (2, 0)").await;
    assert_says(&failure(&server.url()), &["version 2", "update this program"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_transactions_is_named_and_the_sessions_work_behind_it() {
    let server = Postgres::start().await.unwrap();
    drop(PostgresStore::connect(&server.url()).await.unwrap());
    let ignored = ["extra_float_digits", "statement_timeout", "idle_in_transaction_session_timeout"];
    let pooler = PgBouncer::start(&server, &ignored).await.unwrap();
    let run = healthy(&server.url_through(pooler.port()));
    assert_says(&warnings(&run), &["connection pooler", "`transaction_pooling`"]);
    assert_says(&run.stdout, &["ok    create, read, change and end a session"]);
}
