use std::fmt;
use std::sync::Arc;

use crate::lifetimes::Lifetimes;
use crate::time::Timestamp;
use crate::token::{Authentication, PreviousSecret, Principal, Selector, Verifier};
use crate::writers::{LastWrite, Writers};

/// A session as the shared tier stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The version: 1 when created; every commit adds its `step`.
    pub version: u64,
    /// Identifies the last write, so that a repeated write is recognised.
    pub nonce: u64,
    /// The verifier of the current secret.
    pub verifier: Verifier,
    /// The secret before the current one, for the grace after a renewal and to recognise the reuse
    /// of a replaced token.
    pub previous: Option<PreviousSecret>,
    /// The creation time and the timeouts.
    pub lifetimes: Lifetimes,
    /// The time of the last request of this session that was reported to the store.
    pub last_seen: Timestamp,
    /// The login, if the session is logged in.
    pub authentication: Option<Authentication>,
    /// The values, in no particular order, one per key.
    pub values: Vec<StoredValue>,
    /// The last write of each process that wrote the record recently.
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
            last_seen: lifetimes.created_at(),
            authentication: None,
            values: Vec::new(),
            writers: Writers::of_creation(nonce),
        }
    }

    /// The fields that identify this state of the record.
    #[must_use]
    pub fn head(&self) -> Head {
        let mut writers = self.writers.clone();
        if writers.writes().first() != Some(&LastWrite::new(self.nonce, self.version)) {
            // The last write added nothing to the list, so others may be missing too.
            writers = Writers::new(writers.writes().to_vec(), self.version);
            writers.add(self.nonce, self.version);
        }
        Head::new(self.version, self.verifier, self.lifetimes, writers)
    }

    /// The version of a value; 0 if the record never had one under this key.
    #[must_use]
    pub fn version_of(&self, key: &str) -> u64 {
        self.values.iter().find(|value| &*value.key == key).map_or(0, |value| value.version)
    }
}

/// The fields that identify a state of a record.
///
/// Two records of one session with equal heads are equal in everything but
/// [`last_seen`](Record::last_seen): no two writes have the same nonce. A store that keeps the head
/// in one place can therefore make most commits with a single comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// The record's version.
    pub version: u64,
    /// The verifier of the current secret.
    pub verifier: Verifier,
    /// The creation time and the timeouts.
    pub lifetimes: Lifetimes,
    /// The last write of each process, and thereby the nonce of the last write.
    pub writers: Writers,
}

impl Head {
    /// A head with these fields.
    #[must_use]
    pub const fn new(version: u64, verifier: Verifier, lifetimes: Lifetimes, writers: Writers) -> Self {
        Self { version, verifier, lifetimes, writers }
    }

    /// Returns the head after the write `nonce`, which makes `version` and changes neither secret
    /// nor lifetimes.
    #[must_use]
    pub fn after(&self, nonce: u64, version: u64) -> Self {
        let mut writers = self.writers.clone();
        writers.add(nonce, version);
        Self { version, writers, ..*self }
    }
}

/// One value of a record.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredValue {
    /// The value's `KEY`, or a key of the library's own, which begins with `*`.
    pub key: Arc<str>,
    /// The record's version when this value was last written or removed.
    pub version: u64,
    /// The end of a cached value's freshness. `None` for state, which does not age.
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

/// The content of a record under one key.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// The encoded value: JSON.
    Present(Arc<[u8]>),
    /// The encoded value, encrypted. A store keeps the bytes unchanged, and never returns as
    /// `Sealed` what was stored as `Present`, or the other way round.
    Sealed(Arc<[u8]>),
    /// A cached result of the loader: its source has no such value.
    Absent,
    /// Removed. The version is kept, so that a load that began before the removal cannot store its
    /// result.
    Removed,
}

impl Payload {
    /// The length of the payload in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Present(bytes) | Self::Sealed(bytes) => bytes.len(),
            Self::Absent | Self::Removed => 0,
        }
    }

    /// Returns `true` if the payload has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Prints the kind and the length only: session data does not belong in logs.
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
    /// The lease under which the copy may be kept.
    pub lease: Lease,
}

impl LeasedRecord {
    /// A record and its lease.
    #[must_use]
    pub const fn new(record: Record, lease: Lease) -> Self {
        Self { record, lease }
    }
}

/// Identifies the circumstances under which a record was read, typically a generation of the
/// connection that receives invalidations.
///
/// A cached copy may be served only while [`Store::is_lease_valid`](super::Store::is_lease_valid)
/// returns `true` for its lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lease(u64);

impl Lease {
    /// A lease that is never valid: the copy serves only the request that read it.
    pub const NONE: Self = Self(0);

    /// A lease with a number that only the store interprets; 0 is [`Lease::NONE`].
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

/// The local tier as a store sees it: cached copies that may have to be dropped.
///
/// These calls may only drop copies, never fill them, so a forged or repeated invalidation costs at
/// most one load.
pub trait Invalidate: Send + Sync {
    /// The record was changed or removed by another writer.
    fn invalidate(&self, selector: Selector);

    /// Any record may have changed: a connection broke, or the store was flushed.
    fn invalidate_all(&self);

    /// Any record for which `concerned` returns `true` may have changed: one of several servers was
    /// lost, or has handed over some of its records.
    ///
    /// The default calls [`invalidate_all`](Self::invalidate_all), which is right for a tier that
    /// cannot select the concerned copies.
    fn invalidate_those(&self, concerned: &dyn Fn(Selector) -> bool) {
        let _ = concerned;
        self.invalidate_all();
    }

    /// A session was added to the principal's index or removed from it, after
    /// [`Store::watch_members`](super::Store::watch_members). The default ignores it.
    fn members_changed(&self, principal: &Principal) {
        let _ = principal;
    }
}
