//! A process that is killed in the middle of many writes has kept what it promised.
//!
//! `CLOAKROOM_CRASH_ROUNDS=200` kills it that often.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use cloakroom::store::{Committed, Destroyed, Expect, Guard, Store};
use cloakroom_sqlx::SqliteStore;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::task::JoinSet;

use crate::backend::{folder, impatient};
use crate::samples::{KEY, count, insert, json, now, put, record, selector};
use crate::support::{Process, say};

const WRITERS: u64 = 64;

/// If it is set, the test below is another process that writes until it is killed.
const WRITTEN: &str = "CLOAKROOM_TEST_WRITTEN_FILE";

/// A writer increments the number of its session. Each number is announced after its write is
/// acknowledged. Beside it, the writer creates sessions and destroys them again.
async fn write(store: SqliteStore, writer: u64, most: u64, announce: fn(&str)) {
    let found = store.load(selector(writer)).await.expect("the file is readable");
    let known = match found {
        Some(found) => found.record,
        None => {
            insert(&store, writer, record(now())).await;
            record(now())
        }
    };
    let (mut version, mut number) = (known.version, count(&known));
    let process = u64::from(std::process::id());
    for step in 1..=most {
        let expected = Expect::Version(if number == 0 { 0 } else { version });
        let commit = put(version, step << 32 | process, KEY, expected, json(&(number + 1).to_string()));
        match store.commit(selector(writer), commit).await.expect("the file is writable") {
            Committed::Done(receipt) => version = receipt.version,
            other => panic!("nobody else writes to this session: {other:?}"),
        }
        number += 1;
        announce(&format!("count {writer} {number}"));
        if number % 8 == 0 {
            let guest = (writer + 1) << 32 | number;
            insert(&store, guest, record(now())).await;
            announce(&format!("created {guest}"));
            if number % 16 == 0 {
                let destroyed = store.destroy(selector(guest), Guard::Anyone).await.expect("the file is writable");
                assert_eq!(destroyed, Destroyed::Done);
                announce(&format!("destroyed {guest}"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_lose_nothing() {
    let (_folder, path) = folder();
    let written = std::env::var_os(WRITTEN);
    let store = SqliteStore::open(written.as_deref().unwrap_or(path.as_os_str())).await.expect("it is free");
    let (most, announce): (u64, fn(&str)) = if written.is_some() { (u64::MAX, say) } else { (100, |_| {}) };
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(store.clone(), writer, most, announce));
    }
    writers.join_all().await;
    for writer in 0..WRITERS {
        let found = store.load(selector(writer)).await.expect("it is open").expect("it was created");
        assert_eq!(count(&found.record), most, "writer {writer}");
    }
}

/// What was announced.
#[derive(Default)]
struct Promises {
    counts: HashMap<u64, u64>,
    guests: HashMap<u64, bool>,
}

impl Promises {
    fn add(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().expect("a number");
        match words[..] {
            ["count", writer, count] => drop(self.counts.insert(number(writer), number(count))),
            ["created", guest] => drop(self.guests.insert(number(guest), true)),
            ["destroyed", guest] => drop(self.guests.insert(number(guest), false)),
            _ => {}
        }
    }

    /// Compares the promises with the file. One write of each writer may have been on its way.
    async fn check(&mut self, store: &SqliteStore, round: u32) {
        for (writer, promised) in &mut self.counts {
            let found = store.load(selector(*writer)).await.expect("the file is readable");
            let found = count(&found.expect("the session was acknowledged").record);
            assert!(found == *promised || found == *promised + 1, "round {round}: {found} of {promised} writes");
            *promised = found;
        }
        for (guest, lives) in self.guests.drain() {
            let found = store.load(selector(guest)).await.expect("the file is readable").is_some();
            let just_destroyed = lives && !found && (guest & 0xFFFF_FFFF) % 16 == 0;
            assert!(found == lives || just_destroyed, "round {round}: session {guest}");
        }
    }
}

async fn assert_intact(path: &Path, round: u32) {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.expect("the file can be opened");
    let verdict: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.expect("it is readable");
    assert_eq!(verdict, "ok", "round {round}");
    connection.close().await.expect("it is open");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_once_after_the_process_was_killed() {
    let rounds = std::env::var("CLOAKROOM_CRASH_ROUNDS").map_or(10, |rounds| rounds.parse().expect("a number"));
    let (_folder, path) = folder();
    let mut promises = Promises::default();
    for round in 1..=rounds {
        let mut process = Process::start("crash::many_writers_at_once_lose_nothing", WRITTEN, &path);
        promises.add(&format!("count {}", process.wait_for("count ")));
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..300))).await;
        for line in process.kill() {
            promises.add(&line);
        }
        let store = impatient().open(&path).await.expect("the system released the lock");
        promises.check(&store, round).await;
        store.close().await;
        assert_intact(&path, round).await;
    }
    let acknowledged: u64 = promises.counts.values().sum();
    assert!(acknowledged > u64::from(rounds) * WRITERS, "only {acknowledged} writes in {rounds} rounds");
}
