//! The lock file, or the database, is deleted or replaced while a process uses it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloakroom::store::{Committed, Expect, Store, StoreErrorKind};
use cloakroom_sqlx::{OpenError, SqliteStore};

use crate::backend::{folder, impatient};
use crate::samples::{KEY, insert, json, now, put, record, selector};
use crate::support::{Process, connect, say, until};

/// If it is set, the tests below are another process that uses the file.
const USED: &str = "CLOAKROOM_TEST_USED_FILE";

fn lock_of(path: &Path) -> PathBuf {
    path.with_file_name("sessions.db-owner-default")
}

async fn commit(store: &SqliteStore, number: u64) -> Result<Committed, cloakroom::store::StoreError> {
    store.commit(selector(1), put(number, number << 32, KEY, Expect::Any, json(&number.to_string()))).await
}

/// The other process increments a number until it is refused.
#[tokio::test(flavor = "multi_thread")]
async fn writes_end_with_the_ownership() {
    let Some(path) = std::env::var_os(USED) else { return };
    let store = impatient().open(path).await.expect("it is free");
    insert(&store, 1, record(now())).await;
    for number in 1.. {
        match commit(&store, number).await {
            Ok(Committed::Done(_)) => say(&format!("wrote {number}")),
            Ok(other) => panic!("nobody else writes to this session: {other:?}"),
            Err(error) => {
                store.load(selector(1)).await.expect_err("nor can it read");
                return say(&format!("refused {error:?}"));
            }
        }
    }
}

/// The other process serves a copy as long as its lease holds.
#[tokio::test(flavor = "multi_thread")]
async fn leases_end_with_the_ownership() {
    let Some(path) = std::env::var_os(USED) else { return };
    let store = impatient().open(path).await.expect("it is free");
    insert(&store, 1, record(now())).await;
    let lease = store.load(selector(1)).await.expect("it is open").expect("it was created").lease;
    say("ready");
    while store.is_lease_valid(lease) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    say(&format!("ended {}", now().as_millis()));
}

fn writing(path: &Path) -> Process {
    let mut process = Process::start("owner_lock::writes_end_with_the_ownership", USED, path);
    process.wait_for("wrote 20");
    process
}

fn serving(path: &Path) -> Process {
    let mut process = Process::start("owner_lock::leases_end_with_the_ownership", USED, path);
    process.wait_for("ready");
    process
}

/// Takes the lock in the place of the one that is there.
fn usurp(path: &Path) -> File {
    let place = path.with_file_name("newer");
    let lock = File::create(&place).expect("the folder is ours");
    lock.try_lock().expect("it is new");
    std::fs::rename(place, lock_of(path)).expect("the folder is ours");
    lock
}

#[tokio::test]
async fn a_lock_that_was_deleted_is_made_again() {
    let (_folder, path) = folder();
    let other = serving(&path);
    for _ in 0..3 {
        std::fs::remove_file(lock_of(&path)).expect("it is there");
        // Its number is written when it is locked. Between the two, this process would get the lock.
        let is_locked =
            || std::fs::read_to_string(lock_of(&path)).is_ok_and(|text| text.starts_with(&other.id().to_string()));
        until("the lock is made again", async || is_locked()).await;
        let error = impatient().open(&path).await.expect_err("the other process uses the file");
        assert!(matches!(error, OpenError::InUse { holder: Some(id), .. } if id == other.id()), "{error}");
    }
    other.kill();
}

/// What stands in the place of the lock is not locked by anybody.
#[cfg(unix)]
#[tokio::test]
async fn a_lock_that_was_replaced_by_a_copy_or_a_link_is_taken_again() {
    let (folder, path) = folder();
    let mut other = writing(&path);
    let (copy, link) = (folder.path().join("copy"), folder.path().join("link"));
    for replace in [
        |copy: &Path, _: &Path, lock: &Path| std::fs::rename(copy, lock),
        |copy: &Path, link: &Path, lock: &Path| {
            std::fs::hard_link(copy, link).and_then(|()| std::fs::rename(link, lock))
        },
    ] {
        std::fs::copy(lock_of(&path), &copy).expect("the folder is ours");
        replace(&copy, &link, &lock_of(&path)).expect("the folder is ours");
        let written: u64 = other.wait_for("wrote ").parse().expect("a number");
        other.wait_for(&format!("wrote {}", written + 100));
        let error = impatient().open(&path).await.expect_err("the other process uses the file");
        assert!(matches!(error, OpenError::InUse { holder: Some(id), .. } if id == other.id()), "{error}");
    }
    other.kill();
}

#[cfg(unix)]
#[tokio::test]
async fn a_lock_that_is_a_link_is_refused_and_its_target_left_alone() {
    let (folder, path) = folder();
    let target = folder.path().join("diary");
    for text in [Some("Dear diary"), None] {
        match text {
            Some(text) => std::fs::write(&target, text).expect("the folder is ours"),
            None => std::fs::remove_file(&target).expect("it is there"),
        }
        std::os::unix::fs::symlink(&target, lock_of(&path)).expect("the folder is ours");
        let error = impatient().open(&path).await.expect_err("it is a link").to_string();
        assert!(error.contains("-owner-default") && error.contains("must not be a link; remove it"), "{error}");
        assert_eq!(std::fs::read_to_string(&target).ok().as_deref(), text);
        std::fs::remove_file(lock_of(&path)).expect("it is there");
    }
    impatient().open(&path).await.expect("the link is gone");
}

#[tokio::test]
async fn a_process_whose_lock_another_has_taken_acknowledges_nothing_after_the_first_transaction_of_that() {
    let (_folder, path) = folder();
    let mut other = writing(&path);
    let lock = usurp(&path);
    let mut connection = connect(&path).await;
    for sql in ["BEGIN IMMEDIATE", "COMMIT"] {
        sqlx::query(sql).execute(&mut connection).await.expect("the other process waits for no longer than we do");
    }
    let read = "SELECT version FROM cloakroom_sessions";
    let before: i64 = sqlx::query_scalar(read).fetch_one(&mut connection).await.expect("it is readable");
    let refused = other.wait_for("refused ");
    assert!(refused.contains("Unavailable") && refused.contains("deleted or replaced"), "{refused}");
    assert!(refused.contains("start the program again") && refused.contains("sessions.db"), "{refused}");
    other.join();
    let after: i64 = sqlx::query_scalar(read).fetch_one(&mut connection).await.expect("it is readable");
    assert_eq!(after, before, "the other process wrote when the newcomer had begun");
    drop(lock);
    let store = impatient().open(&path).await.expect("the other process has ended");
    let number = after.unsigned_abs();
    assert!(matches!(commit(&store, number).await.expect("it is the owner"), Committed::Done(_)));
}

/// The other process is idle, so that only its timer can notice.
#[tokio::test]
async fn two_processes_never_serve_the_same_sessions() {
    for _ in 0..3 {
        let (_folder, path) = folder();
        let mut other = serving(&path);
        std::fs::remove_file(lock_of(&path)).expect("it is there");
        match impatient().open(&path).await {
            Ok(_store) => {
                let begun = now().as_millis();
                let ended: u64 = other.wait_for("ended ").parse().expect("a number");
                assert!(ended <= begun, "both served for {} ms", ended - begun);
                other.join();
            }
            Err(error) => {
                assert!(matches!(error, OpenError::InUse { .. } | OpenError::Replaced { .. }), "{error}");
                drop(other.kill());
            }
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_database_that_was_deleted_or_replaced_accepts_no_more_writes() {
    for is_replaced in [false, true] {
        let (folder, path) = folder();
        let store = impatient().open(&path).await.expect("it is created");
        insert(&store, 1, record(now())).await;
        let backup = folder.path().join("backup.db");
        std::fs::copy(&path, &backup).expect("the folder is ours");
        if is_replaced {
            std::fs::rename(&backup, &path).expect("the folder is ours");
        } else {
            std::fs::remove_file(&path).expect("it is there");
        }
        let error = commit(&store, 1).await.expect_err("the write would go to a file that nobody finds");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        assert!(format!("{error:?}").contains("deleted or replaced"), "{error:?}");
        until("reads fail as well", async || store.load(selector(1)).await.is_err()).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_database_with_two_names_is_refused() {
    let (folder, path) = folder();
    let store = impatient().open(&path).await.expect("it is created");
    store.close().await;
    let link = folder.path().join("link.db");
    std::fs::hard_link(&path, &link).expect("the folder is ours");
    for name in [&path, &link] {
        let error = impatient().open(name).await.expect_err("it has two names");
        assert!(matches!(error, OpenError::HardLinks { links: 2, .. }), "{error}");
        assert!(error.to_string().contains("remove the others"), "{error}");
    }
    std::fs::remove_file(link).expect("it is there");
    impatient().open(&path).await.expect("it has one name");
}

#[tokio::test]
async fn a_copy_of_the_folder_is_another_database() {
    let (_folder, path) = folder();
    let other = writing(&path);
    let (_copied, copy) = folder();
    for name in ["sessions.db", "sessions.db-owner-default"] {
        std::fs::copy(path.with_file_name(name), copy.with_file_name(name)).expect("both folders are ours");
    }
    let store = impatient().open(&copy).await.expect("nobody uses the copy");
    insert(&store, 2, record(now())).await;
    let error = impatient().open(&path).await.expect_err("the other process uses the original");
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    other.kill();
}

/// Each container numbers its processes on its own, so the first one in each has number 1.
#[tokio::test]
async fn a_process_of_the_same_number_is_not_taken_for_this_one() {
    let (_folder, path) = folder();
    impatient().open(&path).await.expect("it is created").close().await;
    let own = std::process::id();
    let held = File::options().write(true).open(lock_of(&path)).expect("it is there");
    held.try_lock().expect("it was released");
    for text in [format!("{own} 0123456789abcdef"), own.to_string()] {
        std::fs::write(lock_of(&path), text).expect("it is ours");
        let error = impatient().open(&path).await.expect_err("it is locked");
        assert!(
            matches!(error, OpenError::InUse { holder: Some(id), is_this_process: false, .. } if id == own),
            "{error}"
        );
        let text = error.to_string();
        assert!(text.contains(&format!("process {own} of another container")) && !text.contains("clone"), "{text}");
    }
}
