//! The rules of [`Store::commit`](super::Store::commit) and the guards, for stores that read and
//! write whole records.

use std::sync::Arc;

use crate::time::Timestamp;
use crate::token::Guard;
use crate::writers::Trace;

use super::{Action, Commit, CommitReceipt, Committed, Edit, Expect, Lease, LeasedRecord, Payload, Record};
use super::{Rotation, StoredValue};

/// The outcome of a commit to a live record, by [`Record::decide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The commit holds: [`Record::apply`] has to follow.
    Apply,
    /// The commit is in the record already.
    AppliedBefore,
    /// The guard does not hold.
    Superseded,
    /// An expectation does not hold.
    Conflict,
    /// The commit is a retry, and the record cannot determine whether it was applied.
    Unknown,
}

/// The rules for a store that keeps whole records. Each must run in the same atomic step as the
/// read before it and the write after it.
impl Record {
    /// Decides about a commit, by the rules 2 to 6 of [`Store::commit`](super::Store::commit).
    ///
    /// The record is alive at `now`, on the store's clock.
    #[must_use]
    pub fn decide(&self, commit: &Commit, now: Timestamp) -> Decision {
        match self.writers.trace(commit.nonce, commit.base) {
            Trace::Applied => return Decision::AppliedBefore,
            Trace::Unknown if commit.is_retry => return Decision::Unknown,
            Trace::Unknown => return Decision::Conflict,
            Trace::NotApplied => {}
        }
        if !self.admits(commit.guard, now.max(commit.now)) {
            return Decision::Superseded;
        }
        let in_turn = if commit.exact_base { self.version == commit.base } else { self.version >= commit.base };
        let holds = in_turn && commit.edits.iter().all(|edit| self.meets(edit));
        if holds { Decision::Apply } else { Decision::Conflict }
    }

    /// Returns `true` if the guard holds at `now`, the latest of the instants that the caller knows.
    ///
    /// The record's own `last_seen` counts as well, so that a clock that lags does not prolong a
    /// grace period.
    #[must_use]
    pub fn admits(&self, guard: Guard, now: Timestamp) -> bool {
        let is_current = |presented| presented == self.verifier;
        match guard {
            Guard::Anyone => true,
            Guard::Current(presented) => is_current(presented),
            Guard::Holder(presented) => {
                let now = now.max(self.last_seen);
                let is_accepted =
                    |previous: &super::PreviousSecret| presented == previous.verifier && previous.is_accepted_at(now);
                is_current(presented) || self.previous.as_ref().is_some_and(is_accepted)
            }
        }
    }

    /// Applies a commit for which [`decide`](Self::decide) returned [`Decision::Apply`].
    pub fn apply(&mut self, commit: &Commit) {
        self.version = self.version.saturating_add(commit.step);
        self.nonce = commit.nonce;
        self.writers.add(commit.nonce, self.version);
        self.last_seen = self.last_seen.max(commit.now);
        if let Some(lifetimes) = commit.lifetimes {
            self.lifetimes = lifetimes.with_created_at(self.lifetimes.created_at());
        }
        // Before the edits, so that a login does not remove the values that it writes itself.
        if let Some(rotation) = &commit.rotation {
            self.rotate(rotation);
        }
        for edit in &commit.edits {
            self.write(edit);
        }
    }

    /// Returns the result of a commit. The record is as it is after `decision` was carried out.
    #[must_use]
    pub fn committed(&self, commit: &Commit, decision: Decision, lease: Lease) -> Committed {
        let present = || LeasedRecord::new(self.clone(), lease);
        match decision {
            Decision::Unknown => Committed::Unknown,
            Decision::Conflict => Committed::Conflict(present()),
            Decision::Superseded => Committed::Superseded(present()),
            Decision::AppliedBefore | Decision::Apply => {
                let mut receipt = CommitReceipt::new(self.version, lease);
                if self.version != commit.next_version() {
                    receipt.record = Some(Box::new(self.clone()));
                }
                Committed::Done(receipt)
            }
        }
    }

    fn meets(&self, edit: &Edit) -> bool {
        match edit.expect {
            Expect::Any => true,
            Expect::Version(version) => self.version_of(&edit.key) == version,
        }
    }

    fn rotate(&mut self, rotation: &Rotation) {
        self.verifier = rotation.verifier;
        self.previous = rotation.previous;
        if let Some(authentication) = &rotation.authentication {
            self.authentication = Some(authentication.clone());
        }
        let Some(kept) = &rotation.keep_only else { return };
        for value in &mut self.values {
            if value.payload != Payload::Removed && !kept.contains(&value.key) {
                *value = removed(&value.key, self.version);
            }
        }
    }

    fn write(&mut self, edit: &Edit) {
        let value = match &edit.action {
            Action::Put { payload, fresh_until } => {
                StoredValue::new(Arc::clone(&edit.key), self.version, *fresh_until, payload.clone())
            }
            Action::Remove => removed(&edit.key, self.version),
        };
        match self.values.iter_mut().find(|present| present.key == edit.key) {
            Some(present) => *present = value,
            None => self.values.push(value),
        }
    }
}

fn removed(key: &Arc<str>, version: u64) -> StoredValue {
    StoredValue::new(Arc::clone(key), version, None, Payload::Removed)
}
