//! The local tier: the live sessions of this process.
//!
//! [`LocalCache`] is a table of cells with a byte budget and a timer wheel. It knows neither
//! stores nor types of values nor HTTP.

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
mod local_cache;
mod packed;
mod snapshot;
mod table;
mod value;
mod values;
mod waiters;
mod wheel;

pub(crate) use account::Account;
pub(crate) use change::{Change, LocalGuard, LoginChange, SecretRotation, ValueEdit};
pub(crate) use entry::{Entry, EntryState};
pub(crate) use erased_value::{Codec, CodecError, ErasedValue};
pub(crate) use limits::{Limits, TooLarge};
pub(crate) use local_cache::{CacheConfig, ChangeError, LocalCache, Observer, Role};
pub(crate) use snapshot::{LoginState, SecretLineage, SecretMatch, SessionLifetimes, Snapshot, StoreMeta};
pub(crate) use value::{ValueEntry, ValueKey, ValueState};
pub(crate) use values::{Values, find};
pub(crate) use waiters::{InFlight, JoinOutcome, LoadBase, LoadFailure, LoadResult};

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// Its holder logged out, or the application destroyed it.
    Logout,
    /// No request was seen for the idle timeout.
    Idle,
    /// Its absolute lifetime was over.
    Absolute,
    /// It was revoked from outside: by handle, with all of its principal, or as one of "the others".
    Revoked,
    /// Its principal logged in once too often, and it was the oldest.
    Displaced,
    /// Memory was full and nobody was logged in to it, or its principal's share of it was, and it
    /// was the oldest.
    Evicted,
    /// A dead token was shown and [`ReusePolicy::End`](crate::config::ReusePolicy::End) is in force.
    Reused,
    /// The shared tier no longer has it; another node knows why.
    Gone,
    /// No response carried its token to the client, because the handler panicked or the request was cancelled, so that
    /// nobody could have used it.
    Undelivered,
}

impl EndReason {
    const ALL: [Self; 9] = [
        Self::Logout,
        Self::Idle,
        Self::Absolute,
        Self::Revoked,
        Self::Displaced,
        Self::Evicted,
        Self::Reused,
        Self::Gone,
        Self::Undelivered,
    ];

    /// A stable name, for logs and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Idle => "idle",
            Self::Absolute => "absolute",
            Self::Revoked => "revoked",
            Self::Displaced => "displaced",
            Self::Evicted => "evicted",
            Self::Reused => "reused",
            Self::Gone => "gone",
            Self::Undelivered => "undelivered",
        }
    }
}

/// For people: "the user logged out", "no request was seen for too long", ….
impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logout => "the user logged out",
            Self::Idle => "no request was seen for too long",
            Self::Absolute => "the session had lasted for as long as it may",
            Self::Revoked => "the session was revoked",
            Self::Displaced => "the user logged in too often elsewhere",
            Self::Evicted => "the memory for sessions, or the user's share of it, was full",
            Self::Reused => "a token was shown that had been replaced",
            Self::Gone => "the session ended on another node",
            Self::Undelivered => "no response carried the session's token to the client",
        })
    }
}

/// As its [name](EndReason::name).
impl Serialize for EndReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// From its [name](EndReason::name). A newer version of the library may have written a name that
/// this one does not know.
impl<'de> Deserialize<'de> for EndReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|reason| reason.name() == name);
        known.ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&name), &"the name of a reason"))
    }
}

#[cfg(test)]
mod tests;
