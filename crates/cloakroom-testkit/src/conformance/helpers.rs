//! Helpers to build commits and to check their results.

use std::sync::Arc;

use cloakroom::store::{Action, Commit, CommitReceipt, Committed, Edit, Expect, Payload, Record, StoredValue};

use super::failure::{Failure, Outcome};

pub(super) fn bytes(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
}

pub(super) fn put(key: &str, text: &str) -> Edit {
    let payload = Payload::Present(bytes(text));
    Edit::new(key.into(), Expect::Any, Action::Put { payload, fresh_until: None })
}

pub(super) fn remove(key: &str) -> Edit {
    Edit::new(key.into(), Expect::Any, Action::Remove)
}

/// The edit with the expectation that the value is at `version`.
pub(super) fn at(version: u64, edit: Edit) -> Edit {
    with_fields!(edit, expect = Expect::Version(version))
}

pub(super) fn with<const N: usize>(commit: Commit, edits: [Edit; N]) -> Commit {
    with_fields!(commit, edits = edits.into())
}

#[track_caller]
pub(super) fn done(answer: Committed) -> Outcome<CommitReceipt> {
    match answer {
        Committed::Done(receipt) => Ok(receipt),
        other => Err(Failure::new(format!("expected Done, but the commit returned {}", name(&other)))),
    }
}

#[track_caller]
pub(super) fn conflict(answer: Committed) -> Outcome<Record> {
    match answer {
        Committed::Conflict(loaded) => Ok(loaded.record),
        other => Err(Failure::new(format!("expected Conflict, but the commit returned {}", name(&other)))),
    }
}

#[track_caller]
pub(super) fn superseded(answer: Committed) -> Outcome<Record> {
    match answer {
        Committed::Superseded(loaded) => Ok(loaded.record),
        other => Err(Failure::new(format!("expected Superseded, but the commit returned {}", name(&other)))),
    }
}

#[track_caller]
pub(super) fn gone(answer: Committed) -> Outcome {
    match answer {
        Committed::Gone => Ok(()),
        other => Err(Failure::new(format!("expected Gone, but the commit returned {}", name(&other)))),
    }
}

pub(super) const fn name(answer: &Committed) -> &'static str {
    match answer {
        Committed::Done(_) => "Done",
        Committed::Conflict(_) => "Conflict",
        Committed::Superseded(_) => "Superseded",
        Committed::Gone => "Gone",
        Committed::Unknown => "Unknown",
        _ => "an outcome that this suite does not know",
    }
}

/// The value under `key`, even a removed one.
#[track_caller]
pub(super) fn value<'a>(record: &'a Record, key: &str) -> Outcome<&'a StoredValue> {
    let found = record.values.iter().find(|value| &*value.key == key);
    found.ok_or_else(|| Failure::new(format!("the record has no value under {key:?}")))
}

/// The value under `key`, as the text that was written.
#[track_caller]
pub(super) fn text<'a>(record: &'a Record, key: &str) -> Outcome<&'a str> {
    match &value(record, key)?.payload {
        Payload::Present(bytes) => std::str::from_utf8(bytes)
            .map_err(|_| Failure::new(format!("the value under {key:?} is not the text that was written"))),
        other => Err(Failure::new(format!("the value under {key:?} is {other:?}"))),
    }
}

/// The record right after a commit, without the edits of the commit.
pub(super) fn after(record: Record, commit: &Commit) -> Record {
    let mut record =
        with_fields!(record, version = commit.next_version(), nonce = commit.nonce, last_seen = commit.now);
    record.writers.add(record.nonce, record.version);
    record
}

/// Checks that two records are equal, with their values in any order.
#[track_caller]
pub(super) fn same(found: &Record, expected: &Record, when: &str) -> Outcome {
    let (found, expected) = (in_order(found), in_order(expected));
    if found == expected {
        return Ok(());
    }
    let keys = |record: &Record| record.values.iter().map(|value| value.payload.clone()).collect::<Vec<_>>();
    Err(Failure::new(format!(
        "{when}: found {found:?} with {:?}, expected {expected:?} with {:?}",
        keys(&found),
        keys(&expected)
    )))
}

fn in_order(record: &Record) -> Record {
    let mut record = record.clone();
    record.values.sort_by(|a, b| a.key.cmp(&b.key));
    record
}
