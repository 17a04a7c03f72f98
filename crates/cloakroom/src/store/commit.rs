use std::fmt;
use std::sync::Arc;

use super::record::{Lease, LeasedRecord, Lifetimes, Payload, Record};
use crate::time::Timestamp;
use crate::token::{Authentication, PreviousSecret, Selector, Verifier};

/// One atomic change of a record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Commit {
    /// The record's version that the caller knows.
    pub base: u64,
    /// Whether the commit holds only for a record of exactly that version. A caller that has bound what it
    /// writes to the version that it will get, as sealed values are, must know that version beforehand.
    pub exact_base: bool,
    /// Names this write: its lower 32 bits the process, the upper ones the write. Repeating a commit with the same
    /// nonce applies it once.
    pub nonce: u64,
    /// By how much the commit raises the record's version; never 0. A number that differs from write to write keeps
    /// the same version from being given to other content after the store has lost its last writes.
    pub step: u64,
    /// Whether this commit was sent before and its answer was lost. The record then decides whether it was applied, and where
    /// it does not say, the answer is [`Committed::Unknown`].
    pub is_retry: bool,
    /// Who may write.
    pub guard: Guard,
    /// Changes of values; at most one per key.
    pub edits: Vec<Edit>,
    /// A new secret, and what comes with it.
    pub rotation: Option<Rotation>,
    /// New lifetimes; `created_at` among them is the record's own and changes nothing.
    pub lifetimes: Option<Lifetimes>,
    /// The instant of the change on the caller's clock: the record was last seen then.
    pub now: Timestamp,
}

impl Commit {
    /// A commit without any change yet.
    #[must_use]
    pub const fn new(base: u64, nonce: u64, guard: Guard, now: Timestamp) -> Self {
        Self {
            base,
            exact_base: false,
            nonce,
            step: 1,
            is_retry: false,
            guard,
            edits: Vec::new(),
            rotation: None,
            lifetimes: None,
            now,
        }
    }

    /// The version that the commit makes of its base.
    #[must_use]
    pub const fn next_version(&self) -> u64 {
        self.base.saturating_add(self.step)
    }
}

/// Which secret must have been shown for a commit or a destruction to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// No secret: the application itself writes, for example to revoke.
    Anyone,
    /// The present secret, or the previous one within its grace.
    Holder(Verifier),
    /// The present secret only.
    Current(Verifier),
}

/// A change of one value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Edit {
    /// The value's `KEY`.
    pub key: Arc<str>,
    /// What must be there for the commit to hold.
    pub expect: Expect,
    /// What is put there.
    pub action: Action,
}

impl Edit {
    /// An edit of the value under `key`.
    #[must_use]
    pub const fn new(key: Arc<str>, expect: Expect, action: Action) -> Self {
        Self { key, expect, action }
    }
}

/// What must be in a record for an edit to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Any,
    /// The value at exactly this version; 0 means that the record never had one under the key.
    Version(u64),
}

/// What an edit does.
#[derive(Clone)]
pub enum Action {
    /// Puts a payload in place.
    Put {
        /// The encoded value, or the loader's answer that there is none. Never [`Payload::Removed`].
        payload: Payload,
        /// Until when a cached value is fresh; `None` for state.
        fresh_until: Option<Timestamp>,
    },
    /// Removes the value and leaves its version behind, also where there is no value.
    Remove,
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { payload, .. } => write!(f, "Put({payload:?})"),
            Self::Remove => f.write_str("Remove"),
        }
    }
}

/// A new secret for the same record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rotation {
    /// What is kept of the new secret.
    pub verifier: Verifier,
    /// What becomes of the old one. `None` forgets it, which also makes it dead at once.
    pub previous: Option<PreviousSecret>,
    /// Replaces the authentication, when the rotation is a login.
    pub authentication: Option<Authentication>,
    /// For a login: every value whose key is not listed is removed with the rotation.
    pub keep_only: Option<Vec<Arc<str>>>,
}

impl Rotation {
    /// A rotation to `verifier` that changes nothing else.
    #[must_use]
    pub const fn new(verifier: Verifier, previous: Option<PreviousSecret>) -> Self {
        Self { verifier, previous, authentication: None, keep_only: None }
    }
}

/// The answer to [`Store::create`](super::Store::create).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Created {
    /// The record is there, and may be kept under this lease.
    Done(Lease),
    /// Another record has this tag.
    Exists,
}

/// The answer to [`Store::commit`](super::Store::commit).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Committed {
    /// The change is in the record.
    Done(CommitReceipt),
    /// An expectation did not hold, or the caller does not know of a later write of its own; nothing was changed. This
    /// is the record.
    Conflict(LeasedRecord),
    /// The guard did not hold; nothing was changed. This is the record.
    Superseded(LeasedRecord),
    /// There is no live record.
    Gone,
    /// The commit is a retry, and the record does not say whether it was applied before. This call changed nothing.
    Unknown,
}

/// The answer to [`Store::destroy`](super::Store::destroy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destroyed {
    /// The record was there, and is not any more.
    Done,
    /// The guard did not hold; nothing was changed.
    Superseded,
    /// There is no live record.
    Gone,
}

/// What a successful commit left behind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CommitReceipt {
    /// The record's new version.
    pub version: u64,
    /// Under which the caller may keep its copy.
    pub lease: Lease,
    /// The whole record, if somebody else changed it since the caller's base.
    pub record: Option<Box<Record>>,
}

impl CommitReceipt {
    /// A receipt of a commit whose base was up to date.
    #[must_use]
    pub const fn new(version: u64, lease: Lease) -> Self {
        Self { version, lease, record: None }
    }
}

/// A session that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Touch {
    /// Which.
    pub selector: Selector,
    /// Who has shown it: the store checks that, as the caller may have no current copy of the record, or none at all.
    pub guard: Guard,
    /// When, on the caller's clock.
    pub seen: Timestamp,
    /// Whether the caller keeps a copy of the record, and wants to be told when it changes. A store that tracks what
    /// it was asked for need not track the others: anybody can send tokens that name no record.
    pub has_copy: bool,
}

impl Touch {
    /// A touch of `tag` at `seen` by a caller that keeps a copy of the record.
    #[must_use]
    pub const fn new(selector: Selector, guard: Guard, seen: Timestamp) -> Self {
        Self { selector, guard, seen, has_copy: true }
    }

    /// The same touch by a caller that keeps no copy.
    #[must_use]
    pub const fn without_copy(self) -> Self {
        Self { has_copy: false, ..self }
    }
}
