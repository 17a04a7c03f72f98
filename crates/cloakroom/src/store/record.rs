use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::time::Timestamp;
use crate::token::{Authentication, PreviousSecret, Selector, Verifier};
use crate::writers::Writers;

/// A session as the shared tier holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Grows with every commit, by its `step`; 1 when created.
    pub version: u64,
    /// Names the last write, so that a repeated write is recognised.
    pub nonce: u64,
    /// What is kept of the present secret.
    pub verifier: Verifier,
    /// The secret before that, for the grace after a renewal and to recognise the reuse of a dead token.
    pub previous: Option<PreviousSecret>,
    /// When the session was created and when it must end.
    pub lifetimes: Lifetimes,
    /// When a request of this session was last seen, as far as the store was told.
    pub last_seen: Timestamp,
    /// Who is logged in, if anybody.
    pub authentication: Option<Authentication>,
    /// The values, in no particular order, one per key.
    pub values: Vec<StoredValue>,
    /// The last write of each process that wrote the record lately.
    pub writers: Writers,
}

impl Record {
    /// A record of version 1 without values.
    #[must_use]
    pub fn new(verifier: Verifier, lifetimes: Lifetimes, nonce: u64) -> Self {
        Self {
            version: 1,
            nonce,
            verifier,
            previous: None,
            lifetimes,
            last_seen: lifetimes.created_at,
            authentication: None,
            values: Vec::new(),
            writers: Writers::of_creation(nonce),
        }
    }

    /// The version of a value; 0 if the record never had one under this key.
    #[must_use]
    pub fn version_of(&self, key: &str) -> u64 {
        self.values.iter().find(|value| &*value.key == key).map_or(0, |value| value.version)
    }
}

/// The two lifetimes of a session, both enforced on the server (OWASP ASVS 7.3.1 and 7.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lifetimes {
    /// When the session was created; nothing changes it.
    pub created_at: Timestamp,
    /// The session ends when no request is seen for this long.
    pub idle_timeout: Duration,
    /// The session ends at this instant whatever happens.
    pub absolute_deadline: Timestamp,
    /// Whether the client was asked to keep its token when the browser closes.
    pub persistent: bool,
}

impl Lifetimes {
    /// Lifetimes of a session created at `created_at`, whose token need not outlive the browser.
    #[must_use]
    pub const fn new(created_at: Timestamp, idle: Duration, absolute: Timestamp) -> Self {
        Self { created_at, idle_timeout: idle, absolute_deadline: absolute, persistent: false }
    }

    /// Until when a store keeps a record that it last saw at `last_seen`: a tenth of the idle timeout
    /// longer than the session lives, because touches are reported that seldom.
    #[must_use]
    pub fn store_deadline(&self, last_seen: Timestamp) -> Timestamp {
        last_seen.after(self.idle_timeout.saturating_add(self.idle_timeout / 10)).min(self.absolute_deadline)
    }

    /// When a session last seen at `last_seen` ends if nothing more is seen of it.
    #[must_use]
    pub fn deadline(&self, last_seen: Timestamp) -> Timestamp {
        last_seen.after(self.idle_timeout).min(self.absolute_deadline)
    }
}

/// One value of a record.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredValue {
    /// The value's `KEY`.
    pub key: Arc<str>,
    /// The record's version when this value was last written or removed.
    pub version: u64,
    /// For a cached value: until when it is fresh. `None` for state, which has no age.
    pub fresh_until: Option<Timestamp>,
    /// The value itself.
    pub payload: Payload,
}

impl StoredValue {
    /// A value as a store kept it.
    #[must_use]
    pub const fn new(key: Arc<str>, version: u64, fresh_until: Option<Timestamp>, payload: Payload) -> Self {
        Self { key, version, fresh_until, payload }
    }
}

/// The payload is left out: session data does not belong in logs.
impl fmt::Debug for StoredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredValue")
            .field("key", &self.key)
            .field("version", &self.version)
            .field("fresh_until", &self.fresh_until)
            .finish_non_exhaustive()
    }
}

/// What a record holds under a key.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// The encoded value: JSON.
    Present(Arc<[u8]>),
    /// The encoded value, sealed: bytes that say nothing to anybody without the keys. A store keeps them as they
    /// are, and never gives back as sealed what was not, or the other way round.
    Sealed(Arc<[u8]>),
    /// A cached answer of the loader: its source has no such value.
    Absent,
    /// Removed. The version stays behind, so that a load that began before the removal cannot install.
    Removed,
}

impl Payload {
    /// Bytes that this payload takes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Present(bytes) | Self::Sealed(bytes) => bytes.len(),
            Self::Absent | Self::Removed => 0,
        }
    }

    /// Whether it takes no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Says which kind and how long, never what: session data does not belong in logs.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(bytes) => write!(f, "Present({} bytes)", bytes.len()),
            Self::Sealed(bytes) => write!(f, "Sealed({} bytes)", bytes.len()),
            Self::Absent => f.write_str("Absent"),
            Self::Removed => f.write_str("Removed"),
        }
    }
}

/// A record together with the lease under which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeasedRecord {
    /// The record.
    pub record: Record,
    /// Under which the copy may be kept.
    pub lease: Lease,
}

impl LeasedRecord {
    /// A record and its lease.
    #[must_use]
    pub const fn new(record: Record, lease: Lease) -> Self {
        Self { record, lease }
    }
}

/// Names the circumstances under which a record was read, for [`Store::is_lease_valid`](super::Store::is_lease_valid):
/// typically a generation of the connection that will hear of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lease(u64);

impl Lease {
    /// A lease that no store vouches for: the copy serves the request that read it, nothing else.
    pub const NONE: Self = Self(0);

    /// A lease with a number that only the store understands; 0 is [`Lease::NONE`].
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The store's number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// The local tier as a store sees it: copies that may have to go.
///
/// Messages may only drop copies, never fill them, so a forged or repeated one costs a load at most.
pub trait Invalidate: Send + Sync {
    /// The record was changed or removed by somebody else.
    fn invalidate(&self, selector: Selector);

    /// Anything may have changed: a connection broke, or the store was flushed.
    fn invalidate_all(&self);

    /// Any of these may have changed: one of several servers was lost, or has given some of its records away.
    ///
    /// A tier that cannot tell them from the others drops all, which is what the default does.
    fn invalidate_those(&self, concerned: &dyn Fn(Selector) -> bool) {
        let _ = concerned;
        self.invalidate_all();
    }
}
