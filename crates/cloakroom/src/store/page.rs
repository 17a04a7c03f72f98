//! Lists in pages: no verb reads or answers without a bound.

use std::num::NonZeroUsize;
use std::sync::Arc;

/// Where a list goes on: opaque to everybody but the store that answered it.
///
/// A cursor stays good when members join or leave; it may be given to a client and come back.
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

/// As its text.
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

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRequest {
    /// [`Page::next`] of the page before. `None` for the first one.
    pub after: Option<Cursor>,
    /// How many items at most.
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

    /// As many items again, from `cursor` on.
    #[must_use]
    pub fn after(self, cursor: Cursor) -> Self {
        Self { after: Some(cursor), ..self }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items. May be fewer than were asked for, or none, and still not the last.
    pub items: Vec<T>,
    /// Where the list goes on. `None` at its end.
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
