//! The hostile records of the corpus, on a real server, with every operation of the store.

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

/// A server with one record, and a store that has not loaded it.
struct Fixture {
    server: Server,
    store: RedisStore,
}

impl Fixture {
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

    /// The fields of the record, sorted, because a server may reorder the fields of a hash at any
    /// time.
    async fn fields(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let fields = self.server.command(&["HGETALL", KEY]).await.unwrap();
        redis::from_redis_value(fields).unwrap()
    }

    async fn has_a_lifetime(&self) -> bool {
        matches!(self.server.command(&["PTTL", KEY]).await.unwrap(), Value::Int(left) if left != -1)
    }

    async fn version(&self) -> Result<u64, StoreErrorKind> {
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

/// A hash cannot contain a field twice, so such a case cannot be stored.
fn is_possible(case: &Case) -> bool {
    let names: HashSet<_> = case.fields.iter().map(|(name, _)| name).collect();
    names.len() == case.fields.len()
}

#[tokio::test]
async fn r58_a_hostile_record_reads_as_it_should_and_no_verb_makes_it_worse() {
    let fixture = Fixture::open().await;
    for case in corpus::cases().iter().filter(|case| is_possible(case)) {
        let why = case.why;
        fixture.put(case).await;
        let before = fixture.fields().await;
        let read = fixture.version().await;
        match case.expected {
            Expected::Newer | Expected::Corrupt(_) => assert_eq!(read, Err(StoreErrorKind::Corrupt), "{why}"),
            Expected::Unchanged | Expected::Reads | Expected::Unreadable(_) => assert!(read.is_ok(), "{why}: {read:?}"),
        }
        match fixture.store.commit(SELECTOR, edits()).await {
            Ok(Committed::Done(receipt)) => {
                // An expired record is deleted by the write; an unreadable one stays unreadable.
                let written = if why.contains("of nothing") { Ok(0) } else { read.map(|version| version + 1) };
                assert_eq!(fixture.version().await, written, "{why}");
                assert!(matches!(written, Err(_) | Ok(0)) || written == Ok(receipt.version), "{why}");
            }
            // The base version of the commit does not match the version of the record.
            Ok(Committed::Conflict(_)) => assert_eq!(fixture.fields().await, before, "{why}: nothing was written"),
            Ok(other) => panic!("{why}: {other:?}"),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{why}: {error:?}");
                assert_eq!(fixture.fields().await, before, "{why}: nothing was written");
            }
        }
        assert!(fixture.has_a_lifetime().await, "{why}: the record has no expiry");
    }
}

#[tokio::test]
async fn r58_a_hostile_record_opens_to_no_secret_but_its_own_and_can_be_ended() {
    let fixture = Fixture::open().await;
    for case in corpus::cases().iter().filter(|case| is_possible(case)) {
        let why = case.why;
        fixture.put(case).await;
        let unknown = Guard::Holder(Verifier::from_bytes([0xEE; 16]));
        let refused = fixture.store.destroy(SELECTOR, unknown).await;
        let is_refusal = match &refused {
            Ok(answer) => *answer == cloakroom::store::Destroyed::Superseded,
            Err(error) => error.kind() == StoreErrorKind::Corrupt,
        };
        assert!(is_refusal, "{why}: {refused:?}");
        let touch = Touch::new(SELECTOR, Guard::Anyone, SystemClock::new().now());
        fixture.store.touch(vec![touch]).await.unwrap_or_else(|error| panic!("{why}: {error:?}"));
        assert!(fixture.has_a_lifetime().await, "{why}: the record has no expiry");
        // An operator must be able to remove the record, whatever it contains.
        let ended = fixture.store.destroy(SELECTOR, Guard::Anyone).await;
        assert!(ended.is_ok(), "{why}: {ended:?}");
        assert_eq!(fixture.version().await, Ok(0), "{why}");
    }
}

#[tokio::test]
async fn r33_a_record_beyond_the_limits_is_an_error_and_no_copy_of_it_is_kept() {
    let fixture = Fixture::open().await;
    let sessions = crate::support::recorded().store(fixture.store.clone()).build().unwrap();
    let before = sessions.stats();
    let huge = corpus::cases().into_iter().find(|case| case.why == "a payload of two megabytes").unwrap();
    fixture.put(&huge).await;
    let revoked = tokio::time::timeout(Duration::from_secs(5), sessions.of("alice").list()).await.unwrap();
    assert!(revoked.is_ok(), "listing sessions does not load values: {revoked:?}");
    assert_eq!(sessions.stats().bytes, before.bytes);
}
