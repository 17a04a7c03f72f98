//! Typed reads of a session's values.

use std::any::type_name;

use crate::cache::{Edit, Entry, Erased, Key, Slot, Snapshot, Values, find};
use crate::sessions::{Engine, Open, SessionError, is_shallow};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::json::decode;
use super::unreadable::Unreadable;
use super::value::{SessionValue, erase};

/// What a session holds under a type's key.
#[derive(Debug)]
pub(super) struct Found<T> {
    /// 0 if there never was a value.
    pub(super) version: u64,
    pub(super) fresh_until: Timestamp,
    pub(super) content: Content<T>,
}

#[derive(Debug)]
pub(super) enum Content<T> {
    Value(Arc<T>),
    /// The loader said that there is none.
    Absent,
    /// A cached value that does not read, which is as good as none.
    Unreadable,
    Nothing,
}

impl<T: SessionValue> Found<T> {
    /// The value, if its age allows a plain read.
    pub(super) fn fresh(self, now: Timestamp) -> Option<Arc<T>> {
        match self.content {
            Content::Value(value) if is_fresh::<T>(self.fresh_until, now) => Some(value),
            _ => None,
        }
    }
}

fn is_fresh<T: SessionValue>(fresh_until: Timestamp, now: Timestamp) -> bool {
    T::CACHE.bound(fresh_until, now).is_some_and(|fresh_until| now < fresh_until)
}

/// The value of type `T` under `key`, if it lies there decoded and its age allows a plain read.
pub(super) fn ready<T: SessionValue>(key: &str, snapshot: &Snapshot, now: Timestamp) -> Option<Arc<T>> {
    let entry = find(snapshot.values.entries()?, key)?;
    match &entry.slot {
        Slot::Decoded(value) if is_fresh::<T>(entry.fresh_until, now) => value.downcast(),
        _ => None,
    }
}

/// Reads the value of type `T` under `key`. Decodes it the first time, for all who read it later.
///
/// State that does not read is an error. A cached value that does not is counted, and as good as none.
pub(super) fn read<T: SessionValue>(engine: &Engine, open: &Open, key: &str) -> Result<Found<T>, SessionError> {
    #[cfg(debug_assertions)]
    engine.types.note(T::KEY, type_name::<T>());
    match open.1.snapshot().map(|snapshot| &snapshot.values) {
        Some(Values::Live(entries)) => read_entry(engine, open, find(entries, key)),
        Some(Values::Packed(packed)) => {
            engine.tier.unpack(&open.0);
            read_entry(engine, open, find(&packed.unpack(), key))
        }
        None => read_entry(engine, open, None),
    }
}

fn read_entry<T: SessionValue>(engine: &Engine, open: &Open, entry: Option<&Entry>) -> Result<Found<T>, SessionError> {
    let Some(entry) = entry else {
        return Ok(Found { version: 0, fresh_until: Timestamp::MAX, content: Content::Nothing });
    };
    let content = match content(engine, open, entry) {
        Ok(content) => content,
        Err(why) if T::CACHE.is_cached() => {
            engine.ledger.value_unreadable(entry.key.as_str(), &why);
            Content::Unreadable
        }
        Err(why) => return Err(why.of(entry.key.as_str())),
    };
    Ok(Found { version: entry.version, fresh_until: entry.fresh_until, content })
}

fn content<T: SessionValue>(engine: &Engine, open: &Open, entry: &Entry) -> Result<Content<T>, Unreadable> {
    Ok(match &entry.slot {
        Slot::Removed => Content::Nothing,
        Slot::Absent => Content::Absent,
        Slot::Closed(why) => return Err(Unreadable::Closed(*why)),
        Slot::Encoded(bytes) => {
            if engine.store.is_some() && !is_shallow(bytes) {
                return Err(Unreadable::TooDeep);
            }
            let (value, measured) = decode::<T>(bytes)?;
            let value = Arc::new(value);
            keep_decoded(engine, open, entry, erase(Arc::clone(&value), measured));
            Content::Value(value)
        }
        Slot::Decoded(erased) => match erased.downcast() {
            Some(value) => Content::Value(value),
            // Another type under the same key: what a shared tier would do.
            None => {
                let bytes = erased.encode().map_err(|_| Unreadable::Encode)?;
                let two_types = |_| Unreadable::TwoTypes(erased.type_name(), type_name::<T>());
                Content::Value(Arc::new(decode(&bytes).map_err(two_types)?.0))
            }
        },
    })
}

/// Best effort: if the session changed meanwhile, the next reader decodes again.
fn keep_decoded(engine: &Engine, (cell, state): &Open, entry: &Entry, value: Erased) {
    let Some(snapshot) = state.snapshot() else { return };
    let Some(entries) = snapshot.values.entries() else { return };
    let decoded = Slot::Decoded(value);
    let entries =
        entries.iter().map(|other| match other.version == entry.version && other.key.as_str() == entry.key.as_str() {
            true => Entry { slot: decoded.clone(), ..other.clone() },
            false => other.clone(),
        });
    let next = Snapshot { values: Values::Live(entries.collect()), ..snapshot.clone() };
    drop(engine.tier.replace(cell, state, next));
}

/// The edit that removes the value of type `T`, whether it reads or not. `None` if there is none.
pub(super) fn removal<T: SessionValue>(engine: &Engine, open: &Open, key: &Key) -> Result<Option<Edit>, SessionError> {
    let present = match read::<T>(engine, open, key.as_str()) {
        Ok(Found { content: Content::Nothing | Content::Absent, .. }) => return Ok(None),
        Ok(found) => Some(found.version),
        Err(error) if error.kind().is_unreadable() => None,
        Err(error) => return Err(error),
    };
    Ok(Some(Edit::remove(key.clone(), present)))
}
