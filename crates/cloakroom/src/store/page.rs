//! Paged lists: no operation reads or returns an unbounded number of items.

use std::num::NonZeroUsize;
use std::sync::Arc;

/// The position where a list continues. Opaque to everything but the store that issued it.
///
/// A cursor stays valid when members are added or removed. It may be sent to a client and back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(Arc<str>);

impl Cursor {
    /// A cursor from its text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for a link to the next page.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Serializes as the text.
impl serde::Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// The requested part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRequest {
    /// The [`Page::next`] of the page before. `None` for the first page.
    pub after: Option<Cursor>,
    /// The maximum number of items.
    pub limit: NonZeroUsize,
}

impl PageRequest {
    /// The first `limit` items. A limit of 0 counts as 1.
    #[must_use]
    pub const fn first(limit: usize) -> Self {
        let limit = match NonZeroUsize::new(limit) {
            Some(limit) => limit,
            None => NonZeroUsize::MIN,
        };
        Self { after: None, limit }
    }

    /// Continues at `cursor`, with the same number of items.
    #[must_use]
    pub fn after(self, cursor: Cursor) -> Self {
        Self { after: Some(cursor), ..self }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items. There may be fewer than requested, or none, even if this is not the last page.
    pub items: Vec<T>,
    /// The position where the list continues. `None` on the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page of these items.
    #[must_use]
    pub const fn new(items: Vec<T>, next: Option<Cursor>) -> Self {
        Self { items, next }
    }

    /// The last page.
    #[must_use]
    pub const fn last(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}
