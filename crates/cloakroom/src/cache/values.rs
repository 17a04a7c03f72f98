//! The values of a session, decoded or packed.

use std::borrow::Cow;

use crate::sync::Arc;

use super::change::ValueEdit;
use super::packed::Packed;
use super::value::{ValueEntry, ValueKey};

/// The values of a session: ready for use, or packed because they were not read for a while.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    None,
    /// The only value, in place: most sessions have one, and a read then finds it with the session.
    One(ValueEntry),
    Several(Arc<[ValueEntry]>),
    Packed(Packed),
}

impl FromIterator<ValueEntry> for Values {
    fn from_iter<I: IntoIterator<Item = ValueEntry>>(entries: I) -> Self {
        let mut entries = entries.into_iter();
        match (entries.next(), entries.next()) {
            (None, _) => Self::None,
            (Some(only), None) => Self::One(only),
            (Some(first), Some(second)) => Self::Several([first, second].into_iter().chain(entries).collect()),
        }
    }
}

impl Values {
    /// Returns the value entries, unless they are packed.
    pub(crate) fn entries(&self) -> Option<&[ValueEntry]> {
        match self {
            Self::None => Some(&[]),
            Self::One(only) => Some(std::slice::from_ref(only)),
            Self::Several(entries) => Some(entries),
            Self::Packed(_) => None,
        }
    }

    /// Returns the value entries, unpacked if they are packed.
    pub(crate) fn unpacked(&self) -> Cow<'_, [ValueEntry]> {
        match self {
            Self::Packed(packed) => Cow::Owned(packed.unpack()),
            live => Cow::Borrowed(live.entries().unwrap_or_default()),
        }
    }

    /// Returns the key of every value entry.
    pub(crate) fn keys(&self) -> Vec<ValueKey> {
        self.unpacked().iter().map(ValueEntry::key).collect()
    }

    /// Returns `true` if there are more values than in `former`, or if they weigh more.
    pub(crate) fn is_larger_than(&self, former: &Self) -> bool {
        let number = |values: &Self| values.entries().map(count);
        self.weight() > former.weight() || number(self) > number(former)
    }

    /// Raises the size of the value under `key` to at least `bytes`, the size of its encoding in
    /// the shared tier.
    pub(crate) fn raise_size(&mut self, key: &str, bytes: usize) {
        let entries = match self {
            Self::One(only) => std::slice::from_mut(only),
            Self::Several(entries) => Arc::make_mut(entries),
            Self::None | Self::Packed(_) => return,
        };
        if let Some(value_entry) = entries.iter_mut().find(|value_entry| value_entry.name() == key) {
            value_entry.size = value_entry.size.max(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// Returns edits that remove every value.
    pub(crate) fn removals(&self, is_kept: impl Fn(&str) -> bool) -> Vec<ValueEdit> {
        let entries = self.unpacked();
        let present = entries.iter().filter(|value_entry| !value_entry.is_removed() && !is_kept(value_entry.name()));
        present.map(|value_entry| ValueEdit::remove(value_entry.key(), Some(value_entry.version))).collect()
    }

    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Packed(packed) => packed.weight(),
            live => live.entries().unwrap_or_default().iter().map(ValueEntry::weight).sum(),
        }
    }
}

/// Returns the value entry under `key`, even if the value was removed.
pub(crate) fn find<'a>(entries: &'a [ValueEntry], key: &str) -> Option<&'a ValueEntry> {
    entries.iter().find(|value_entry| value_entry.name() == key)
}

/// Returns the version under `key`, or 0 if there never was a value.
pub(crate) fn version_of(entries: &[ValueEntry], key: &str) -> u64 {
    find(entries, key).map_or(0, |value_entry| value_entry.version)
}

/// Counts the values that are not removed.
pub(crate) fn count(entries: &[ValueEntry]) -> usize {
    entries.iter().filter(|value_entry| !value_entry.is_removed()).count()
}
