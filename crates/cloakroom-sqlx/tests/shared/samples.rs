//! Records and commits for tests of the store alone.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{
    Action, Authentication, Commit, Committed, Created, Edit, Expect, Guard, Lifetimes, Payload, Principal, Record,
    Selector, Store, Verifier,
};
use cloakroom::{Clock, SystemClock, Timestamp};

pub(crate) const KEY: &str = "count";

pub(crate) fn now() -> Timestamp {
    SystemClock::new().now()
}

pub(crate) fn selector(number: u64) -> Selector {
    Selector::from_bytes((u128::from(number) | 0xC10A << 64).to_be_bytes())
}

pub(crate) const VERIFIER: Verifier = Verifier::from_bytes([7; 16]);

/// The nonce of the creation of a record, from a process of its own.
const CREATION: u64 = 0xC10A_0000;

/// A record that lives for a day from `now` on.
pub(crate) fn record(now: Timestamp) -> Record {
    record_living(now, Duration::from_secs(24 * 60 * 60))
}

pub(crate) fn record_living(now: Timestamp, idle: Duration) -> Record {
    Record::new(VERIFIER, Lifetimes::new(now, idle, Timestamp::MAX), CREATION)
}

pub(crate) fn record_of(principal: &str, label: Option<&str>) -> Record {
    let mut record = record(now());
    let authentication = Authentication::new(Principal::from(principal), now(), label.map(Into::into));
    record.authentication = Some(authentication);
    record
}

pub(crate) fn json(text: &str) -> Payload {
    Payload::Present(text.as_bytes().into())
}

/// A commit that puts `payload` under `key` if the value has the version `expected`.
pub(crate) fn put(base: u64, nonce: u64, key: &str, expected: Expect, payload: Payload) -> Commit {
    let mut commit = Commit::new(base, nonce, Guard::Anyone, now());
    commit.edits.push(Edit::new(Arc::from(key), expected, Action::Put { payload, fresh_until: None }));
    commit
}

pub(crate) async fn insert(store: &impl Store, number: u64, record: Record) -> Selector {
    let created = store.create(selector(number), record).await.expect("the store can be written");
    assert!(matches!(created, Created::Done(_)), "the selector is free");
    selector(number)
}

/// The outcome of a commit in one word.
pub(crate) fn word(committed: &Committed) -> &'static str {
    match committed {
        Committed::Done(_) => "done",
        Committed::Conflict(_) => "conflict",
        Committed::Superseded(_) => "superseded",
        Committed::Gone => "gone",
        _ => "unknown",
    }
}

/// The number under [`KEY`]; 0 if there is none.
pub(crate) fn count(record: &Record) -> u64 {
    let value = record.values.iter().find(|value| &*value.key == KEY);
    value.map_or(0, |value| match &value.payload {
        Payload::Present(bytes) => {
            std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).expect("a number")
        }
        other => panic!("the value is {other:?}"),
    })
}
