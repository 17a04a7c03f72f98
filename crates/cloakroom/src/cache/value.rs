use crate::crypto::OpenError;
use crate::sync::Arc;
use crate::time::Timestamp;

use super::erased_value::ErasedValue;

/// A value's name: static when its type is known here, owned when it came from elsewhere.
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

/// What a session holds under a key.
#[derive(Clone, Debug)]
pub(crate) enum ValueState {
    /// A value that was asked for before.
    Decoded(ErasedValue),
    /// A value nobody asked for since it arrived.
    Encoded(Arc<[u8]>),
    /// The loader's answer that its source has no such value.
    Absent,
    /// Removed; only the version matters.
    Removed,
    /// Something that the shared tier holds and this process may not read.
    Closed(OpenError),
}

/// One value of a session, with what decides whether it may be used and replaced.
#[derive(Clone, Debug)]
pub(crate) struct ValueEntry {
    pub(crate) key: ValueKey,
    /// The session's version when this was written or removed.
    pub(crate) version: u64,
    /// `Timestamp::MAX` for state, which has no age.
    pub(crate) fresh_until: Timestamp,
    /// Bytes, as the value says or as its encoding counts.
    pub(crate) size: u32,
    pub(crate) slot: ValueState,
}

impl ValueEntry {
    /// What an entry costs beside its value.
    const OVERHEAD: u64 = 96;

    /// What the entry takes: its encoding, or its value decoded, whichever is more, so that a read
    /// that decodes it does not have to make much room.
    pub(crate) fn weight(&self) -> u64 {
        let held = if let ValueState::Decoded(value) = &self.slot { value.held() } else { 0 };
        Self::OVERHEAD + u64::from(self.size.max(held))
    }

    pub(crate) const fn is_removed(&self) -> bool {
        matches!(self.slot, ValueState::Removed)
    }
}
