//! The hostile records of the corpus, in a real server, under every verb.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use cloakroom::store::{
    Action, Commit, Committed, Edit, Expect, Guard, Payload, Selector, Store, StoreErrorKind, Touch, Verifier,
};
use cloakroom::{Clock, SystemClock};
use cloakroom_redis::RedisStore;
use cloakroom_testbed::Server;
use redis::{Value, cmd};

#[path = "../../corpus/records.rs"]
pub(super) mod corpus;

use corpus::{Case, Expected};

const SELECTOR: Selector = Selector::from_bytes([7; 16]);
const KEY: &str = "shop:session:{07070707070707070707070707070707}";

/// A server with one record in it, and a store that has never seen it.
struct Ground {
    server: Server,
    store: RedisStore,
}

impl Ground {
    async fn open() -> Self {
        let server = Server::start().await.unwrap();
        let store = RedisStore::builder("shop").server(server.url()).connect().await.unwrap();
        Self { server, store }
    }

    async fn put(&self, case: &Case) {
        self.server.command(&["DEL", KEY]).await.unwrap();
        for fields in case.fields.chunks(1000) {
            let mut put = cmd("HSET");
            put.arg(KEY);
            for (name, content) in fields {
                put.arg(name).arg(content);
            }
            self.server.query(&put).await.unwrap();
        }
        self.server.command(&["PEXPIRE", KEY, "60000"]).await.unwrap();
    }

    /// What stands there, in an order of its own: a server may move the fields of a hash at any time.
    async fn found(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let fields = self.server.command(&["HGETALL", KEY]).await.unwrap();
        redis::from_redis_value(fields).unwrap()
    }

    async fn has_a_lifetime(&self) -> bool {
        matches!(self.server.command(&["PTTL", KEY]).await.unwrap(), Value::Int(left) if left != -1)
    }

    async fn reads(&self) -> Result<u64, StoreErrorKind> {
        let loaded = self.store.load(SELECTOR).await.map_err(|error| error.kind())?;
        Ok(loaded.map_or(0, |loaded| loaded.record.version))
    }
}

fn edits() -> Commit {
    let mut commit = Commit::new(7, 99, Guard::Anyone, SystemClock::new().now());
    let payload = Payload::Present(b"1".as_slice().into());
    commit.edits.push(Edit::new("note".into(), Expect::Any, Action::Put { payload, fresh_until: None }));
    commit
}

/// What no server can hold: names of fields differ.
fn is_possible(case: &Case) -> bool {
    let names: HashSet<_> = case.fields.iter().map(|(name, _)| name).collect();
    names.len() == case.fields.len()
}

#[tokio::test]
async fn r58_a_hostile_record_reads_as_it_should_and_no_verb_makes_it_worse() {
    let ground = Ground::open().await;
    for case in corpus::cases().iter().filter(|case| is_possible(case)) {
        let why = case.why;
        ground.put(case).await;
        let before = ground.found().await;
        let read = ground.reads().await;
        match case.expected {
            Expected::Newer | Expected::Corrupt(_) => assert_eq!(read, Err(StoreErrorKind::Corrupt), "{why}"),
            Expected::Sound | Expected::Reads | Expected::Unreadable(_) => assert!(read.is_ok(), "{why}: {read:?}"),
        }
        match ground.store.commit(SELECTOR, edits()).await {
            Ok(Committed::Done(receipt)) => {
                // One whose time is over goes when it is written; what did not read still does not.
                let written = if why.contains("of nothing") { Ok(0) } else { read.map(|version| version + 1) };
                assert_eq!(ground.reads().await, written, "{why}");
                assert!(matches!(written, Err(_) | Ok(0)) || written == Ok(receipt.version), "{why}");
            }
            // It knows of a version that the record does not have, or not of one that it has.
            Ok(Committed::Conflict(_)) => assert_eq!(ground.found().await, before, "{why}: nothing was written"),
            Ok(other) => panic!("{why}: {other:?}"),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{why}: {error:?}");
                assert_eq!(ground.found().await, before, "{why}: nothing was written");
            }
        }
        assert!(ground.has_a_lifetime().await, "{why}: it would stay for ever");
    }
}

#[tokio::test]
async fn r58_a_hostile_record_opens_to_no_secret_but_its_own_and_can_be_ended() {
    let ground = Ground::open().await;
    for case in corpus::cases().iter().filter(|case| is_possible(case)) {
        let why = case.why;
        ground.put(case).await;
        let stranger = Guard::Holder(Verifier::from_bytes([0xEE; 16]));
        let refused = ground.store.destroy(SELECTOR, stranger).await;
        let is_refusal = match &refused {
            Ok(answer) => *answer == cloakroom::store::Destroyed::Superseded,
            Err(error) => error.kind() == StoreErrorKind::Corrupt,
        };
        assert!(is_refusal, "{why}: {refused:?}");
        let touch = Touch::new(SELECTOR, Guard::Anyone, SystemClock::new().now());
        ground.store.touch(vec![touch]).await.unwrap_or_else(|error| panic!("{why}: {error:?}"));
        assert!(ground.has_a_lifetime().await, "{why}: it would stay for ever");
        // The operator's way out, whatever the record looks like.
        let ended = ground.store.destroy(SELECTOR, Guard::Anyone).await;
        assert!(ended.is_ok(), "{why}: {ended:?}");
        assert_eq!(ground.reads().await, Ok(0), "{why}");
    }
}

#[tokio::test]
async fn r33_a_record_beyond_the_limits_is_an_error_and_no_copy_of_it_is_kept() {
    let ground = Ground::open().await;
    let sessions = crate::support::recorded().store(ground.store.clone()).build().unwrap();
    let before = sessions.stats();
    let huge = corpus::cases().into_iter().find(|case| case.why == "a payload of two megabytes").unwrap();
    ground.put(&huge).await;
    let revoked = tokio::time::timeout(Duration::from_secs(5), sessions.of("alice").list()).await.unwrap();
    assert!(revoked.is_ok(), "the list of devices reads lifetimes, and is not for values: {revoked:?}");
    assert_eq!(sessions.stats().bytes, before.bytes);
}
