//! One value of a session, with its name, version and age.

use crate::crypto::OpenError;
use crate::sync::Arc;
use crate::time::Timestamp;

use super::erased_value::ErasedValue;

/// Name of a value: static if its type is known here, owned if the name came from a record.
#[derive(Clone, Debug)]
pub(crate) enum ValueKey {
    Static(&'static str),
    Owned(Arc<str>),
}

impl ValueKey {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(name) => name,
            Self::Owned(name) => name,
        }
    }

    pub(crate) fn to_shared(&self) -> Arc<str> {
        match self {
            Self::Static(name) => Arc::from(*name),
            Self::Owned(name) => Arc::clone(name),
        }
    }
}

/// Content of a session under one key.
#[derive(Clone, Debug)]
pub(crate) enum ValueState {
    /// A value that was read before.
    Decoded(ErasedValue),
    /// A value that was not read since it arrived from the store or was packed.
    Encoded(Arc<[u8]>),
    /// The loader returned that its source has no such value.
    Absent,
    /// A removed value, of which only the version matters.
    Removed,
    /// A value in the shared tier that this process cannot open.
    Unreadable(OpenError),
}

/// One value of a session, with the version and the age that decide whether it may be used and
/// replaced.
#[derive(Clone, Debug)]
pub(crate) struct ValueEntry {
    pub(crate) key: ValueKey,
    /// Session version at which the value was written or removed.
    pub(crate) version: u64,
    /// `Timestamp::MAX` for state, which has no age.
    pub(crate) fresh_until: Timestamp,
    /// Size in bytes, as reported by the value itself or counted from its encoding.
    pub(crate) size: u32,
    pub(crate) slot: ValueState,
}

impl ValueEntry {
    /// Bytes that a value entry takes in addition to its value.
    const OVERHEAD: u64 = 96;

    /// Returns the bytes that count against the budget: the larger of the encoded and the decoded
    /// size, so that decoding the value on a read needs little additional room.
    pub(crate) fn weight(&self) -> u64 {
        let held = if let ValueState::Decoded(value) = &self.slot { value.held() } else { 0 };
        Self::OVERHEAD + u64::from(self.size.max(held))
    }

    pub(crate) const fn is_removed(&self) -> bool {
        matches!(self.slot, ValueState::Removed)
    }
}
