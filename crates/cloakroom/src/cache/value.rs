//! One value of a session, with its name, version and age.

use crate::crypto::OpenError;
use crate::sync::Arc;
use crate::time::Timestamp;

use super::erased_value::{AnyValue, ErasedValue};

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

/// A borrowed [`ValueState`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum ValueRef<'a> {
    Decoded(&'a Arc<dyn AnyValue>),
    Encoded(&'a Arc<[u8]>),
    Absent,
    Removed,
    Unreadable(OpenError),
}

impl ValueState {
    pub(crate) const fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Decoded(value) => ValueRef::Decoded(&value.value),
            Self::Encoded(bytes) => ValueRef::Encoded(bytes),
            Self::Absent => ValueRef::Absent,
            Self::Removed => ValueRef::Removed,
            Self::Unreadable(why) => ValueRef::Unreadable(*why),
        }
    }
}

/// One value of a session, with the version and the age that decide whether it may be used and
/// replaced.
#[derive(Clone, Debug)]
pub(crate) struct ValueEntry {
    /// Session version at which the value was written or removed.
    pub(crate) version: u64,
    /// `Timestamp::MAX` for state, which has no age.
    pub(crate) fresh_until: Timestamp,
    /// Size in bytes, as reported by the value itself or counted from its encoding.
    pub(crate) size: u32,
    /// Number of bytes that the value takes when decoded, if it is.
    decoded_bytes: u32,
    content: Content,
}

/// The key and the state of a value, in two words: a session in memory has room for one of them.
#[derive(Clone, Debug)]
enum Content {
    /// A decoded value under the own key of its type.
    Own(Arc<dyn AnyValue>),
    Other(Arc<(ValueKey, ValueState)>),
}

impl ValueEntry {
    /// Bytes that a value entry takes in addition to its value.
    const OVERHEAD: u64 = 96;

    pub(crate) fn new(key: ValueKey, version: u64, fresh_until: Timestamp, size: u32, state: ValueState) -> Self {
        let decoded_bytes = if let ValueState::Decoded(value) = &state { value.decoded_bytes } else { 0 };
        let content = match state {
            ValueState::Decoded(ErasedValue { value, .. }) if value.own_key() == key.as_str() => Content::Own(value),
            state => Content::Other(Arc::new((key, state))),
        };
        Self { version, fresh_until, size, decoded_bytes, content }
    }

    /// Returns the same value in another form.
    pub(crate) fn with_state(&self, state: ValueState) -> Self {
        Self::new(self.key(), self.version, self.fresh_until, self.size, state)
    }

    pub(crate) fn key(&self) -> ValueKey {
        match &self.content {
            Content::Own(value) => ValueKey::Static(value.own_key()),
            Content::Other(content) => content.0.clone(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match &self.content {
            Content::Own(value) => value.own_key(),
            Content::Other(content) => content.0.as_str(),
        }
    }

    pub(crate) fn state(&self) -> ValueRef<'_> {
        match &self.content {
            Content::Own(value) => ValueRef::Decoded(value),
            Content::Other(content) => content.1.as_ref(),
        }
    }

    /// Returns the state by value, to write it again.
    pub(crate) fn to_state(&self) -> ValueState {
        match &self.content {
            Content::Own(value) => {
                ValueState::Decoded(ErasedValue { value: Arc::clone(value), decoded_bytes: self.decoded_bytes })
            }
            Content::Other(content) => content.1.clone(),
        }
    }

    /// Returns the bytes that count against the budget: the larger of the encoded and the decoded
    /// size, so that decoding the value on a read needs little additional room.
    pub(crate) fn weight(&self) -> u64 {
        Self::OVERHEAD + u64::from(self.size.max(self.decoded_bytes))
    }

    pub(crate) fn is_removed(&self) -> bool {
        matches!(self.state(), ValueRef::Removed)
    }
}
