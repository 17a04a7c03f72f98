use std::fmt;
use std::sync::Arc;

use super::record::{Head, Lease, LeasedRecord, Payload, Record};
use crate::lifetimes::Lifetimes;
use crate::time::Timestamp;
use crate::token::{Authentication, Guard, PreviousSecret, Selector, Verifier};

/// One atomic change of a record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Commit {
    /// The record's version that the caller knows.
    pub base: u64,
    /// The head of the record as the caller knows it, whose version is `base`; `None` if the caller
    /// does not know all of it. It is no condition of the commit: a store may use it to recognise
    /// that the record is unchanged, or ignore it. The caller has checked the expectations of its
    /// edits against the record with this head, so they hold as long as the record has it.
    pub head: Option<Head>,
    /// Makes the commit hold only for a record of exactly version `base`. Encrypted values are
    /// bound to the version that they will get, so their caller must know that version in advance.
    pub exact_base: bool,
    /// Identifies this write: the lower 32 bits identify the process, the upper ones the write.
    /// Repeating a commit with the same nonce applies it once.
    pub nonce: u64,
    /// The amount by which the commit raises the record's version; never 0. A step that differs
    /// from write to write prevents the same version from being given to other content after the
    /// store has lost its last writes.
    pub step: u64,
    /// `true` if this commit was sent before and its result was lost. The record then determines
    /// whether it was applied; if the record cannot, the result is [`Committed::Unknown`].
    pub is_retry: bool,
    /// The secret that the writer must have presented.
    pub guard: Guard,
    /// Changes of values; at most one per key.
    pub edits: Vec<Edit>,
    /// A new secret, and the changes that come with it.
    pub rotation: Option<Rotation>,
    /// New lifetimes. Their creation time is ignored: the record keeps its own.
    pub lifetimes: Option<Lifetimes>,
    /// The instant of the change on the caller's clock; the new `last_seen` unless the record's is
    /// later.
    pub now: Timestamp,
}

impl Commit {
    /// A commit without changes.
    #[must_use]
    pub const fn new(base: u64, nonce: u64, guard: Guard, now: Timestamp) -> Self {
        Self {
            base,
            head: None,
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

/// A change of one value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Edit {
    /// The value's `KEY`, or a key of the library's own, which begins with `*`.
    pub key: Arc<str>,
    /// The condition for the commit to hold.
    pub expect: Expect,
    /// The change to make.
    pub action: Action,
}

impl Edit {
    /// An edit of the value under `key`.
    #[must_use]
    pub const fn new(key: Arc<str>, expect: Expect, action: Action) -> Self {
        Self { key, expect, action }
    }
}

/// The condition on a value for an edit to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No condition.
    Any,
    /// The value has exactly this version; 0 means that the record never had a value under the key.
    Version(u64),
}

/// The change that an edit makes.
#[derive(Clone)]
pub enum Action {
    /// Stores a payload.
    Put {
        /// The encoded value, or the cached result of a loader that found none. Never
        /// [`Payload::Removed`].
        payload: Payload,
        /// The end of a cached value's freshness; `None` for state.
        fresh_until: Option<Timestamp>,
    },
    /// Removes the value and keeps its version, even if there is no value.
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
    /// The verifier of the new secret.
    pub verifier: Verifier,
    /// The state of the old secret. `None` forgets it, which also rejects it at once.
    pub previous: Option<PreviousSecret>,
    /// The new authentication, if the rotation is a login.
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

/// The result of [`Store::create`](super::Store::create).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Created {
    /// The record exists, and may be kept under this lease.
    Done(Lease),
    /// Another record has this selector.
    Exists,
}

/// The result of [`Store::commit`](super::Store::commit).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Committed {
    /// The change is in the record.
    Done(CommitReceipt),
    /// An expectation did not hold, or the caller does not know of a later write of its own;
    /// nothing was changed. Contains the present record.
    Conflict(LeasedRecord),
    /// The guard did not hold; nothing was changed. Contains the present record.
    Superseded(LeasedRecord),
    /// There is no live record.
    Gone,
    /// The commit is a retry, and the record cannot determine whether it was applied before. This
    /// call changed nothing.
    Unknown,
}

/// The result of [`Store::destroy`](super::Store::destroy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destroyed {
    /// The record was removed.
    Done,
    /// The guard did not hold; nothing was changed.
    Superseded,
    /// There is no live record.
    Gone,
}

/// The result of a successful commit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CommitReceipt {
    /// The record's new version.
    pub version: u64,
    /// The lease under which the caller may keep its copy.
    pub lease: Lease,
    /// The whole record, if another writer changed it since the caller's base.
    pub record: Option<Box<Record>>,
}

impl CommitReceipt {
    /// A receipt of a commit whose base was up to date.
    #[must_use]
    pub const fn new(version: u64, lease: Lease) -> Self {
        Self { version, lease, record: None }
    }
}

/// The report that a session was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Touch {
    /// The session's selector.
    pub selector: Selector,
    /// The secret that was presented. The store checks it, because the caller may have an outdated
    /// copy of the record, or none.
    pub guard: Guard,
    /// The time of the request, on the caller's clock.
    pub seen: Timestamp,
    /// `true` if the caller keeps a copy of the record and needs its invalidations. A store that
    /// tracks reads need not track the other touches: any client can send tokens that match no
    /// record.
    pub has_copy: bool,
}

impl Touch {
    /// A touch of `selector` at `seen` by a caller that keeps a copy of the record.
    #[must_use]
    pub const fn new(selector: Selector, guard: Guard, seen: Timestamp) -> Self {
        Self { selector, guard, seen, has_copy: true }
    }

    /// Marks the touch as that of a caller without a copy.
    #[must_use]
    pub const fn without_copy(self) -> Self {
        Self { has_copy: false, ..self }
    }
}
