//! Typed reads of a session's values.

use crate::cache::{Cell, Entry, Slot, Snapshot, State, Values, find};
use crate::sessions::{Engine, Open, SessionError, SessionErrorKind, is_shallow};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::value::{SessionValue, decode, erase, key};

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
    Nothing,
}

impl<T: SessionValue> Found<T> {
    /// The value, if its age allows a plain read.
    pub(super) fn fresh(self, now: Timestamp) -> Option<Arc<T>> {
        match self.content {
            Content::Value(value) if now < self.fresh_until => Some(value),
            _ => None,
        }
    }
}

/// The value of type `T`, if it lies there decoded and its age allows a plain read.
pub(super) fn ready<T: SessionValue>(snapshot: &Snapshot, now: Timestamp) -> Option<Arc<T>> {
    let entry = find(snapshot.values.entries()?, key::<T>())?;
    match &entry.slot {
        Slot::Decoded(value) if now < entry.fresh_until => value.downcast(),
        _ => None,
    }
}

/// Reads the value of type `T`. Decodes it the first time, for all who read it later.
pub(super) fn read<T: SessionValue>(engine: &Engine, (cell, state): &Open) -> Result<Found<T>, SessionError> {
    match state.snapshot().map(|snapshot| &snapshot.values) {
        Some(Values::Live(entries)) => read_entry(engine, cell, state, find(entries, key::<T>())),
        Some(Values::Packed(packed)) => {
            engine.tier.unpack(cell);
            read_entry(engine, cell, state, find(&packed.unpack(), key::<T>()))
        }
        None => read_entry(engine, cell, state, None),
    }
}

fn read_entry<T: SessionValue>(
    engine: &Engine,
    cell: &Arc<Cell>,
    state: &Arc<State>,
    entry: Option<&Entry>,
) -> Result<Found<T>, SessionError> {
    let Some(entry) = entry else {
        return Ok(Found { version: 0, fresh_until: Timestamp::MAX, content: Content::Nothing });
    };
    let content = match &entry.slot {
        Slot::Removed => Content::Nothing,
        Slot::Absent => Content::Absent,
        Slot::Closed(why) => return Err((*why).into()),
        Slot::Encoded(bytes) => {
            if engine.store.is_some() && !is_shallow(bytes) {
                return Err(SessionError::with_source(SessionErrorKind::Decode, "it is nested more than 32 deep"));
            }
            let value = Arc::new(decode::<T>(bytes)?);
            keep_decoded(engine, cell, state, entry, &value);
            Content::Value(value)
        }
        Slot::Decoded(erased) => match erased.downcast() {
            Some(value) => Content::Value(value),
            // Another type under the same key: what a shared tier would do.
            None => Content::Value(Arc::new(decode(&erased.encode().map_err(SessionError::encode)?)?)),
        },
    };
    Ok(Found { version: entry.version, fresh_until: entry.fresh_until, content })
}

/// Best effort: if the session changed meanwhile, the next reader decodes again.
fn keep_decoded<T: SessionValue>(engine: &Engine, cell: &Arc<Cell>, state: &Arc<State>, entry: &Entry, value: &Arc<T>) {
    let Some(snapshot) = state.snapshot() else { return };
    let Some(entries) = snapshot.values.entries() else { return };
    let decoded = Slot::Decoded(erase(Arc::clone(value)));
    let entries =
        entries.iter().map(|other| match other.version == entry.version && other.key.as_str() == key::<T>() {
            true => Entry { slot: decoded.clone(), ..other.clone() },
            false => other.clone(),
        });
    let next = Snapshot { values: Values::Live(entries.collect()), ..snapshot.clone() };
    drop(engine.tier.replace(cell, state, next));
}
