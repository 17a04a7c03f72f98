use super::change::Edit;
use super::entry::{Entry, Slot};
use super::packed::Packed;

/// The values of a session: ready for use, or packed because nobody asked for a while.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Live(Box<[Entry]>),
    Packed(Packed),
}

impl Values {
    pub(crate) fn none() -> Self {
        Self::Live(Box::default())
    }

    /// The entries, if they are not packed.
    pub(crate) const fn entries(&self) -> Option<&[Entry]> {
        match self {
            Self::Live(entries) => Some(entries),
            Self::Packed(_) => None,
        }
    }

    /// Whether these are more values, or weightier ones, than the former.
    pub(crate) fn outgrows(&self, former: &Self) -> bool {
        let number = |values: &Self| values.entries().map(count);
        self.weight() > former.weight() || number(self) > number(former)
    }

    /// The value under `key` takes at least this many bytes, wherever it lies.
    pub(crate) fn weigh(&mut self, key: &str, bytes: usize) {
        let Self::Live(entries) = self else { return };
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key.as_str() == key) {
            entry.size = entry.size.max(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// The edits that leave nothing of them.
    pub(crate) fn removals(&self) -> Vec<Edit> {
        let of = |entries: &[Entry]| {
            let present = entries.iter().filter(|entry| !entry.is_removed());
            present.map(|entry| Edit::remove(entry.key.clone(), Some(entry.version))).collect()
        };
        match self {
            Self::Live(entries) => of(entries),
            Self::Packed(packed) => of(&packed.unpack()),
        }
    }

    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Live(entries) => entries.iter().map(Entry::weight).sum(),
            Self::Packed(packed) => packed.weight(),
        }
    }
}

/// The entry under `key`, a removed one included.
pub(crate) fn find<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.key.as_str() == key)
}

/// The version under `key`; 0 if there never was a value.
pub(crate) fn version_of(entries: &[Entry], key: &str) -> u64 {
    find(entries, key).map_or(0, |entry| entry.version)
}

/// How many values there are, not counting removed ones.
pub(crate) fn count(entries: &[Entry]) -> usize {
    entries.iter().filter(|entry| !matches!(entry.slot, Slot::Removed)).count()
}
