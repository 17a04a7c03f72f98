//! A file system of 8 MiB that is full when SQLite moves its log into the database.
//!
//! It is mounted in a namespace of its own, which Linux lets every user have unless that is
//! forbidden. Where it is, only the tests with a limit of pages run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use cloakroom::store::{Expect, Store, StoreErrorKind};
use cloakroom_sqlx::{OpenError, SqliteStore};
use sqlx::Connection;

use crate::backend::impatient;
use crate::samples::{insert, json, now, put, record, selector, word};
use crate::support::connect;

/// If it is set, the test below runs in the folder where the small file system is mounted.
const MOUNTED: &str = "CLOAKROOM_TEST_SMALL_DISK";

const MIB: u64 = 1 << 20;

/// The exit status of a failed test.
const FAILED: i32 = 101;

const MOUNT: &str = "mount -t tmpfs -o size=8m tmpfs \"$1\" && exec \"$2\" --exact \"$3\" --nocapture";

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_while_the_log_is_moved_loses_nothing() {
    if let Some(folder) = std::env::var_os(MOUNTED) {
        return fill(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]).arg(folder.path());
    command.arg(std::env::current_exe().expect("a test is a program"));
    command.arg("small_disk::a_disk_that_is_full_while_the_log_is_moved_loses_nothing");
    match command.env(MOUNTED, folder.path()).status() {
        Ok(status) if status.success() => {}
        Ok(status) if status.code() == Some(FAILED) => panic!("the test failed on the small file system"),
        other => eprintln!("no file system can be mounted here: {other:?}"),
    }
}

/// The numbers that were acknowledged.
#[derive(Default)]
struct Acknowledged(BTreeMap<u64, u64>);

impl Acknowledged {
    /// Writes 10 kB into each session in turn until the log has this length, or a write fails.
    async fn write_until(&mut self, store: &SqliteStore, log: &Path, length: u64) {
        for number in 1.. {
            let session = number % 400;
            let version = self.0.get(&session).copied().unwrap_or(0);
            if version == 0 && store.create(selector(session), record(now())).await.is_err() {
                return;
            }
            let base = version.max(1);
            let payload = json(&format!("\"{} {}\"", base + 1, "x".repeat(10_000)));
            let commit = put(base, base << 32 | session, "text", Expect::Any, payload);
            match store.commit(selector(session), commit).await {
                Ok(committed) => assert_eq!(word(&committed), "done"),
                Err(error) => return assert_full(&error),
            }
            self.0.insert(session, base + 1);
            if log.metadata().expect("SQLite keeps a log").len() >= length {
                return;
            }
        }
    }

    async fn assert_kept(&self, store: &SqliteStore) {
        for (session, version) in &self.0 {
            let found = store.load(selector(*session)).await.expect("it is readable").expect("it was acknowledged");
            assert_eq!(found.record.version, *version, "session {session}");
        }
    }
}

fn assert_full(error: &cloakroom::store::StoreError) {
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error:?}");
    let text = format!("{error:?}");
    assert!(text.contains("disk is full") && text.contains("free some space"), "{text}");
}

async fn fill(folder: &Path) {
    let (path, log, ballast) = (folder.join("sessions.db"), folder.join("sessions.db-wal"), folder.join("ballast"));
    let store = impatient().open(&path).await.expect("there is space");
    let mut acknowledged = Acknowledged::default();
    acknowledged.write_until(&store, &log, 3 * MIB).await;
    assert!(path.metadata().expect("it exists").len() < MIB / 4, "the log was not moved yet");
    // The log may grow to its normal length and beyond, and there is too little space for the database.
    std::fs::write(&ballast, vec![0; 3 * MIB as usize]).expect("there is space");
    acknowledged.write_until(&store, &log, 9 * MIB).await;
    assert!(log.metadata().expect("it exists").len() > 1000 * 4096, "SQLite tries to move a log of a thousand pages");
    assert!(acknowledged.0.len() > 50, "{} sessions", acknowledged.0.len());
    acknowledged.assert_kept(&store).await;
    let mut other = connect(&path).await;
    let moved: (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut other).await.unwrap_or((1, 0, 0));
    assert_eq!(moved.0, 1, "the log cannot be moved");
    other.close().await.expect("it is open");
    store.close().await;
    // A program that is started while the disk is full.
    match impatient().open(&path).await {
        Ok(store) => {
            acknowledged.assert_kept(&store).await;
            store.close().await;
        }
        Err(error) => assert!(matches!(error, OpenError::Full { .. }), "{error}"),
    }
    std::fs::remove_file(&ballast).expect("it exists");
    let store = impatient().open(&path).await.expect("there is space again");
    acknowledged.assert_kept(&store).await;
    insert(&store, 1 << 20, record(now())).await;
    store.close().await;
    let mut other = connect(&path).await;
    let verdict: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut other).await.expect("readable");
    assert_eq!(verdict, "ok");
}
