//! The local tier: the live sessions of this process.
//!
//! [`LocalCache`] is a table of entries with a byte budget and a timer wheel. It does not depend on
//! stores, on the types of values or on HTTP.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod account;
mod budget;
mod change;
mod entry;
mod erased_value;
mod evict;
mod expire;
mod limits;
mod lines;
mod local_cache;
mod packed;
mod resizing_lines;
mod selector_hash;
mod snapshot;
mod table;
mod value;
mod values;
mod waiters;
mod wheel;

pub(crate) use account::Account;
pub(crate) use change::{Change, ChangeError, LoginChange, SecretRotation, ValueEdit};
#[cfg(test)]
pub(crate) use entry::Invalidated;
pub(crate) use entry::{Entry, EntryState, Stamp, StampedState};
pub(crate) use erased_value::{AnyValue, CodecError, ErasedValue};
pub(crate) use limits::{Limits, TooLarge};
pub(crate) use local_cache::{CacheConfig, LocalCache, Observer, Role};
pub(crate) use resizing_lines::ResizingLines;
pub(crate) use snapshot::{LoginState, SecretLineage, SecretMatch, Snapshot, StoreMeta};
pub(crate) use value::{ValueEntry, ValueKey, ValueRef, ValueState};
pub(crate) use values::{Values, find};
pub(crate) use waiters::{InFlight, JoinOutcome, LoadBase, LoadFailure, LoadResult};

/// Reason why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The client logged out, or the application destroyed the session.
    Logout,
    /// No request arrived within the idle timeout.
    Idle,
    /// The absolute timeout passed.
    Absolute,
    /// It was revoked from outside of a request: by public id, with all sessions of its principal,
    /// or as one of "the others".
    Revoked,
    /// A login exceeded the principal's session limit, and this was its oldest session.
    Displaced,
    /// The client got another session by a parallel login on another node, and uses that one.
    Duplicate,
    /// Memory was full and the session was anonymous; or its principal exceeded its share of the
    /// memory and this was its oldest session.
    Evicted,
    /// A replaced token was presented while [`ReusePolicy::End`](crate::config::ReusePolicy::End)
    /// is in force.
    Reused,
    /// The shared tier no longer has the session. Only the node that ended it knows the reason.
    Gone,
    /// No response carried the session's token, because the handler panicked or the request was
    /// cancelled, so that no client could use it.
    Undelivered,
}

impl EndReason {
    const ALL: [Self; 10] = [
        Self::Logout,
        Self::Idle,
        Self::Absolute,
        Self::Revoked,
        Self::Displaced,
        Self::Duplicate,
        Self::Evicted,
        Self::Reused,
        Self::Gone,
        Self::Undelivered,
    ];

    /// Returns a stable name, for logs and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Idle => "idle",
            Self::Absolute => "absolute",
            Self::Revoked => "revoked",
            Self::Displaced => "displaced",
            Self::Duplicate => "duplicate",
            Self::Evicted => "evicted",
            Self::Reused => "reused",
            Self::Gone => "gone",
            Self::Undelivered => "undelivered",
        }
    }
}

/// Text for people, such as "the user logged out" or "no request was seen for too long".
impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logout => "the user logged out",
            Self::Idle => "no request was seen for too long",
            Self::Absolute => "the session reached its maximum lifetime",
            Self::Revoked => "the session was revoked",
            Self::Displaced => "a newer login exceeded the user's session limit",
            Self::Duplicate => "the client uses another session of a parallel login",
            Self::Evicted => "the memory for sessions, or the user's share of it, was full",
            Self::Reused => "a replaced token was presented",
            Self::Gone => "the session ended on another node",
            Self::Undelivered => "no response carried the session's token to the client",
        })
    }
}

/// Serialized as its [name](EndReason::name).
impl Serialize for EndReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Deserialized from its [name](EndReason::name). Fails on a name that a newer version of the
/// library may have written.
impl<'de> Deserialize<'de> for EndReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|reason| reason.name() == name);
        known.ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&name), &"the name of an end reason"))
    }
}

#[cfg(test)]
pub(crate) mod tests;
