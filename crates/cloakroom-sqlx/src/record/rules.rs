//! The rules of [`Store::commit`](cloakroom::store::Store::commit) for a live record.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{Action, Commit, Edit, Expect, Guard, Payload, Record, Rotation, StoredValue, Trace};

/// The decision about a commit to a live record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Apply,
    AppliedBefore,
    Superseded,
    Conflict,
    Unknown,
}

/// Decides about a commit.
pub(crate) fn decide(record: &Record, commit: &Commit, now: Timestamp) -> Decision {
    match record.writers.trace(commit.nonce, commit.base) {
        Trace::Applied => return Decision::AppliedBefore,
        Trace::Unknown if commit.is_retry => return Decision::Unknown,
        Trace::Unknown => return Decision::Conflict,
        Trace::NotApplied => {}
    }
    // The latest instant counts, so that a clock that lags does not prolong a grace period.
    let now = now.max(commit.now).max(record.last_seen);
    if !guard_holds(record, commit.guard, now) {
        return Decision::Superseded;
    }
    let in_turn = if commit.exact_base { record.version == commit.base } else { record.version >= commit.base };
    let holds = in_turn && commit.edits.iter().all(|edit| expectation_holds(record, edit));
    if holds { Decision::Apply } else { Decision::Conflict }
}

/// Returns `true` if the guard holds at `now`.
pub(crate) fn guard_holds(record: &Record, guard: Guard, now: Timestamp) -> bool {
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

/// Applies a commit to a record.
pub(crate) fn apply(record: &mut Record, commit: &Commit) {
    record.version = record.version.saturating_add(commit.step);
    record.nonce = commit.nonce;
    record.writers.add(commit.nonce, record.version);
    record.last_seen = record.last_seen.max(commit.now);
    if let Some(lifetimes) = commit.lifetimes {
        record.lifetimes = lifetimes.with_created_at(record.lifetimes.created_at());
    }
    // Before the edits, so that a login does not remove the values that it writes itself.
    if let Some(rotation) = &commit.rotation {
        rotate(record, rotation);
    }
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
