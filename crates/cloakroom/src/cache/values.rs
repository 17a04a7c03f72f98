//! The values of a session, decoded or packed.

use super::change::ValueEdit;
use super::packed::Packed;
use super::value::{ValueEntry, ValueKey, ValueState};

/// The values of a session: ready for use, or packed because they were not read for a while.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Live(Box<[ValueEntry]>),
    Packed(Packed),
}

impl Values {
    pub(crate) fn none() -> Self {
        Self::Live(Box::default())
    }

    /// Returns the value entries, unless they are packed.
    pub(crate) const fn entries(&self) -> Option<&[ValueEntry]> {
        match self {
            Self::Live(entries) => Some(entries),
            Self::Packed(_) => None,
        }
    }

    /// Returns the key of every value entry.
    pub(crate) fn keys(&self) -> Vec<ValueKey> {
        let of = |entries: &[ValueEntry]| entries.iter().map(|value_entry| value_entry.key.clone()).collect();
        match self {
            Self::Live(entries) => of(entries),
            Self::Packed(packed) => of(&packed.unpack()),
        }
    }

    /// Returns `true` if there are more values than in `former`, or if they weigh more.
    pub(crate) fn is_larger_than(&self, former: &Self) -> bool {
        let number = |values: &Self| values.entries().map(count);
        self.weight() > former.weight() || number(self) > number(former)
    }

    /// Raises the size of the value under `key` to at least `bytes`, the size of its encoding in
    /// the shared tier.
    pub(crate) fn raise_size(&mut self, key: &str, bytes: usize) {
        let Self::Live(entries) = self else { return };
        if let Some(value_entry) = entries.iter_mut().find(|value_entry| value_entry.key.as_str() == key) {
            value_entry.size = value_entry.size.max(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// Returns edits that remove every value.
    pub(crate) fn removals(&self) -> Vec<ValueEdit> {
        let of = |entries: &[ValueEntry]| {
            let present = entries.iter().filter(|value_entry| !value_entry.is_removed());
            present.map(|value_entry| ValueEdit::remove(value_entry.key.clone(), Some(value_entry.version))).collect()
        };
        match self {
            Self::Live(entries) => of(entries),
            Self::Packed(packed) => of(&packed.unpack()),
        }
    }

    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Live(entries) => entries.iter().map(ValueEntry::weight).sum(),
            Self::Packed(packed) => packed.weight(),
        }
    }
}

/// Returns the value entry under `key`, even if the value was removed.
pub(crate) fn find<'a>(entries: &'a [ValueEntry], key: &str) -> Option<&'a ValueEntry> {
    entries.iter().find(|value_entry| value_entry.key.as_str() == key)
}

/// Returns the version under `key`, or 0 if there never was a value.
pub(crate) fn version_of(entries: &[ValueEntry], key: &str) -> u64 {
    find(entries, key).map_or(0, |value_entry| value_entry.version)
}

/// Counts the values that are not removed.
pub(crate) fn count(entries: &[ValueEntry]) -> usize {
    entries.iter().filter(|value_entry| !matches!(value_entry.slot, ValueState::Removed)).count()
}
