//! The rules of [`Store::commit`](cloakroom::store::Store::commit) for a live record.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{Action, Commit, Edit, Expect, Guard, Payload, Record, Rotation, StoredValue, Trace};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommitDecision {
    Apply,
    AppliedBefore,
    Superseded,
    Conflict,
    Unknown,
}

pub(super) fn judge(record: &Record, commit: &Commit, now: Timestamp) -> CommitDecision {
    match record.writers.trace(commit.nonce, commit.base) {
        Trace::Applied => return CommitDecision::AppliedBefore,
        Trace::Unknown if commit.is_retry => return CommitDecision::Unknown,
        Trace::Unknown => return CommitDecision::Conflict,
        Trace::NotApplied => {}
    }
    // The latest instant counts, so that a store or a writer whose clock lags does not prolong a
    // grace period.
    let now = now.max(commit.now).max(record.last_seen);
    if !guard_holds(record, commit.guard, now) {
        return CommitDecision::Superseded;
    }
    let in_turn = if commit.exact_base { record.version == commit.base } else { record.version >= commit.base };
    let holds = in_turn && commit.edits.iter().all(|edit| expectation_holds(record, edit));
    if holds { CommitDecision::Apply } else { CommitDecision::Conflict }
}

pub(super) fn guard_holds(record: &Record, guard: Guard, now: Timestamp) -> bool {
    match guard {
        Guard::Anyone => true,
        Guard::Current(presented) => presented == record.verifier,
        Guard::Holder(presented) => {
            let lingers =
                record.previous.is_some_and(|previous| presented == previous.verifier && previous.is_accepted_at(now));
            presented == record.verifier || lingers
        }
    }
}

fn expectation_holds(record: &Record, edit: &Edit) -> bool {
    match edit.expect {
        Expect::Any => true,
        Expect::Version(version) => record.version_of(&edit.key) == version,
    }
}

pub(super) fn apply(record: &mut Record, commit: &Commit) {
    record.version += commit.step;
    record.nonce = commit.nonce;
    record.writers.add(commit.nonce, record.version);
    record.last_seen = record.last_seen.max(commit.now);
    if let Some(lifetimes) = commit.lifetimes {
        record.lifetimes = lifetimes.with_created_at(record.lifetimes.created_at());
    }
    if let Some(rotation) = &commit.rotation {
        rotate(record, rotation);
    }
    // After the rotation, so that a login does not remove what it writes itself.
    for edit in &commit.edits {
        write(record, edit);
    }
}

fn rotate(record: &mut Record, rotation: &Rotation) {
    record.verifier = rotation.verifier;
    record.previous = rotation.previous;
    if let Some(authentication) = &rotation.authentication {
        record.authentication = Some(authentication.clone());
    }
    let Some(kept) = &rotation.keep_only else { return };
    for value in &mut record.values {
        if value.payload != Payload::Removed && !kept.contains(&value.key) {
            *value = removed(&value.key, record.version);
        }
    }
}

fn write(record: &mut Record, edit: &Edit) {
    let value = match &edit.action {
        Action::Put { payload, fresh_until } => {
            StoredValue::new(Arc::clone(&edit.key), record.version, *fresh_until, payload.clone())
        }
        Action::Remove => removed(&edit.key, record.version),
    };
    match record.values.iter_mut().find(|present| present.key == edit.key) {
        Some(present) => *present = value,
        None => record.values.push(value),
    }
}

fn removed(key: &Arc<str>, version: u64) -> StoredValue {
    StoredValue::new(Arc::clone(key), version, None, Payload::Removed)
}
