//! The sessions in the tables that the first migration of each database made.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{
    Authentication, Committed, Destroyed, Expect, Guard, LastWrite, Lifetimes, PageRequest, Payload, PreviousSecret,
    Principal, Record, Selector, Store, StoredValue, Verifier, Writers,
};

use crate::samples::{KEY, json, put, selector};

/// When the sessions were created: in November 2026.
const CREATED: Timestamp = Timestamp::from_millis(1_796_000_000_123);

/// In 2125, which is later than any run of this test.
const END: Timestamp = Timestamp::from_millis(4_922_000_000_456);

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn value(key: &str, version: u64, fresh_until: Option<Timestamp>, payload: Payload) -> StoredValue {
    StoredValue::new(Arc::from(key), version, fresh_until, payload)
}

/// A visitor who has done nothing yet.
fn anonymous() -> Record {
    Record::new(Verifier::from_bytes([1; 16]), Lifetimes::new(CREATED, CENTURY, Timestamp::MAX), 11)
}

/// A visitor with values of every kind.
fn with_values() -> Record {
    let mut record = Record::new(Verifier::from_bytes([2; 16]), Lifetimes::new(CREATED, CENTURY, Timestamp::MAX), 21);
    record.version = 6;
    record.nonce = u64::MAX - 5;
    record.last_seen = CREATED.after(Duration::from_secs(90));
    record.writers = Writers::new(vec![LastWrite::new(u64::MAX - 5, 6), LastWrite::new(7 << 32 | 1, 4)], 1);
    record.values = vec![
        value("absent", 2, Some(CREATED.after(Duration::from_secs(60))), Payload::Absent),
        value("bytes", 6, None, Payload::Present([0, 255, b'{'].into())),
        value("cart", 5, None, json(r#"{"items": {"tea": 2, "caf\u00e9": 1}, "total": 1e400, "total": 3.50}"#)),
        value("removed", 3, None, Payload::Removed),
        value("roles", 4, Some(END), json("[\"admin\"]")),
        value("sealed", 6, None, Payload::Sealed([9, 8, 7].into())),
        value("\0\\", 6, None, json("\"\\u0000\"")),
    ];
    record
}

/// A user who has just logged in, under a name that has to be escaped.
fn logged_in() -> Record {
    let mut record = Record::new(Verifier::from_bytes([3; 16]), Lifetimes::new(CREATED, CENTURY, END), 31);
    record.version = 2;
    record.previous = Some(PreviousSecret::replaced(Verifier::from_bytes([4; 16]), CREATED));
    let label = Some("Firefox on \"Linux\" \u{1f98a}".into());
    record.authentication = Some(Authentication::new(Principal::from("ada\0\\o'hara"), CREATED, label));
    record
}

/// A user who wanted to be remembered, after a renewal.
fn remembered() -> Record {
    let lifetimes = Lifetimes::new(CREATED, CENTURY / 2, END).with_persistent(true);
    let mut record = Record::new(Verifier::from_bytes([5; 16]), lifetimes, 41);
    record.version = 3;
    record.previous = Some(PreviousSecret::renewed(Verifier::from_bytes([6; 16]), END));
    record.authentication = Some(Authentication::new(Principal::from("ada\0\\o'hara"), CREATED, None));
    record.values = vec![value("cart", 3, None, json("{}"))];
    record
}

fn sessions() -> [(Selector, Record); 4] {
    [(selector(1), anonymous()), (selector(2), with_values()), (selector(3), logged_in()), (selector(4), remembered())]
}

fn sorted(mut record: Record) -> Record {
    record.values.sort_by(|a, b| a.key.cmp(&b.key));
    record
}

/// Reads, changes and ends them.
pub(crate) async fn check(store: &impl Store) {
    for (selector, expected) in sessions() {
        let found = store.load(selector).await.expect("it is readable").expect("it is there").record;
        assert_eq!(sorted(found), sorted(expected), "{selector:?}");
    }
    let principal = Principal::from("ada\0\\o'hara");
    let listed = store.list_members(&principal, PageRequest::first(10)).await.expect("it is readable").items;
    assert_eq!(listed.iter().map(|member| member.selector).collect::<Vec<_>>(), [selector(3), selector(4)]);
    assert!(listed.iter().all(|member| member.summary.is_ok()));

    for (selector, expected) in sessions() {
        let mut commit = put(expected.version, 99 << 32 | expected.version, KEY, Expect::Any, json("7"));
        commit.head = Some(expected.head());
        let committed = store.commit(selector, commit).await.expect("it can be written");
        assert!(matches!(committed, Committed::Done(_)), "{committed:?}");
    }
    let limited = store.add_member(&principal, selector(1), Timestamp::MAX, None).await;
    limited.expect("a third session of the same user");
    for (selector, _) in sessions() {
        assert_eq!(store.destroy(selector, Guard::Anyone).await.expect("it can be ended"), Destroyed::Done);
    }
}
