//! Typed reads of a session's values.

use std::any::type_name;
use std::borrow::Cow;

use crate::cache::{ErasedValue, Snapshot, ValueEdit, ValueEntry, ValueKey, ValueRef, ValueState, Values, find};
use crate::engine::{Engine, OpenSession};
use crate::error::SessionError;
use crate::store::is_within_max_depth;
use crate::sync::Arc;
use crate::time::Timestamp;

use super::json::decode;
use super::unreadable::Unreadable;
use super::value::{SessionValue, erase};

/// The typed content under a type's key in a session.
#[derive(Debug)]
pub(super) struct TypedValue<T> {
    /// 0 if there never was a value.
    pub(super) version: u64,
    pub(super) fresh_until: Timestamp,
    pub(super) content: ValueContent<T>,
}

#[derive(Debug)]
pub(super) enum ValueContent<T> {
    Value(Arc<T>),
    /// The loader found no value.
    Absent,
    /// A cached value that cannot be read, which counts as missing.
    Unreadable,
    Missing,
}

impl<T: SessionValue> TypedValue<T> {
    /// Returns the value if it is fresh enough for a plain read.
    pub(super) fn fresh(self, now: Timestamp) -> Option<Arc<T>> {
        match self.content {
            ValueContent::Value(value) if is_fresh::<T>(self.fresh_until, now) => Some(value),
            _ => None,
        }
    }
}

fn is_fresh<T: SessionValue>(fresh_until: Timestamp, now: Timestamp) -> bool {
    T::CACHE.bound(fresh_until, now).is_some_and(|fresh_until| now < fresh_until)
}

/// Returns the value of type `T` under `key`, if it is stored decoded and fresh enough for a plain
/// read.
pub(super) fn read_cached<T: SessionValue>(key: &str, snapshot: &Snapshot, now: Timestamp) -> Option<Arc<T>> {
    let (value, fresh_until) = decoded::<T>(key, snapshot)?;
    is_fresh::<T>(fresh_until, now).then_some(value)
}

/// Returns the value of type `T` under `key` and until when it is fresh, if it is stored decoded.
pub(super) fn decoded<T: SessionValue>(key: &str, snapshot: &Snapshot) -> Option<(Arc<T>, Timestamp)> {
    let value_entry = find(snapshot.values.entries()?, key)?;
    match value_entry.state() {
        ValueRef::Decoded(value) => Some((value.downcast()?, value_entry.fresh_until)),
        _ => None,
    }
}

/// Reads the value of type `T` under `key`. The first read decodes it, for all later ones.
///
/// State that cannot be read is an error. A cached value that cannot be read is counted, and
/// treated as missing.
pub(super) fn read<T: SessionValue>(
    engine: &Engine,
    open: &OpenSession,
    key: &str,
) -> Result<TypedValue<T>, SessionError> {
    #[cfg(debug_assertions)]
    engine.register_type::<T>(T::KEY);
    read_entry(engine, open, find(&entries(engine, open), key))
}

/// Returns the value entries of an open session. If they are packed, unpacks them for all later
/// reads too.
fn entries<'a>(engine: &Engine, open: &'a OpenSession) -> Cow<'a, [ValueEntry]> {
    let Some(snapshot) = open.snapshot() else { return Cow::default() };
    if matches!(snapshot.values, Values::Packed(_)) {
        engine.unpack(&open.entry);
    }
    snapshot.values.unpacked()
}

fn read_entry<T: SessionValue>(
    engine: &Engine,
    open: &OpenSession,
    value_entry: Option<&ValueEntry>,
) -> Result<TypedValue<T>, SessionError> {
    let Some(value_entry) = value_entry else {
        return Ok(TypedValue { version: 0, fresh_until: Timestamp::MAX, content: ValueContent::Missing });
    };
    let content = match content(engine, value_entry) {
        Ok((content, decoded)) => {
            if let Some(decoded) = decoded {
                keep_decoded(engine, open, &[(value_entry, decoded)]);
            }
            content
        }
        Err(why) if T::CACHE.is_cached() => {
            engine.telemetry().value_unreadable(value_entry.name(), &why);
            ValueContent::Unreadable
        }
        Err(why) => return Err(why.of(value_entry.name())),
    };
    Ok(TypedValue { version: value_entry.version, fresh_until: value_entry.fresh_until, content })
}

/// Returns the content, and the decoded value if it was not stored decoded.
fn content<T: SessionValue>(
    engine: &Engine,
    value_entry: &ValueEntry,
) -> Result<(ValueContent<T>, Option<ErasedValue>), Unreadable> {
    let content = match value_entry.state() {
        ValueRef::Removed => ValueContent::Missing,
        ValueRef::Absent => ValueContent::Absent,
        ValueRef::Unreadable(why) => return Err(Unreadable::Closed(why)),
        ValueRef::Encoded(bytes) => {
            if engine.has_shared_tier() && !is_within_max_depth(bytes) {
                return Err(Unreadable::TooDeep);
            }
            let (value, measured) = decode::<T>(bytes)?;
            let value = Arc::new(value);
            let decoded = erase(Arc::clone(&value), measured);
            return Ok((ValueContent::Value(value), Some(decoded)));
        }
        ValueRef::Decoded(erased) => match erased.downcast() {
            Some(value) => ValueContent::Value(value),
            // Another type under the same key: convert through the encoding, as a shared tier
            // would.
            None => {
                let bytes = erased.encode().map_err(|_| Unreadable::Encode)?;
                let two_types = |_| Unreadable::TwoTypes(erased.type_name(), type_name::<T>());
                ValueContent::Value(Arc::new(decode(&bytes).map_err(two_types)?.0))
            }
        },
    };
    Ok((content, None))
}

/// Stores decoded values, best effort: if the session changed meanwhile, the next reader decodes
/// again.
fn keep_decoded(engine: &Engine, open: &OpenSession, decoded: &[(&ValueEntry, ErasedValue)]) {
    let Some(snapshot) = open.snapshot() else { return };
    let Some(entries) = snapshot.values.entries() else { return };
    let entries = entries.iter().map(|entry| {
        let is_same = |other: &ValueEntry| other.version == entry.version && other.name() == entry.name();
        match decoded.iter().find(|(other, _)| is_same(other)) {
            Some((_, value)) => entry.with_state(ValueState::Decoded(value.clone())),
            None => entry.clone(),
        }
    });
    let next = Snapshot { values: entries.collect(), ..snapshot.clone() };
    engine.replace_form(open, next);
}

/// Reads every value of type `T` whose key starts with `prefix`, with its key.
///
/// A key names no type here, so the values do not count as used by `T`.
pub(super) fn read_all<T: SessionValue>(
    engine: &Engine,
    open: &OpenSession,
    prefix: &str,
) -> Result<Vec<(ValueKey, Arc<T>)>, SessionError> {
    let entries = entries(engine, open);
    let (mut all, mut decoded) = (Vec::new(), Vec::new());
    for value_entry in entries.iter().filter(|value_entry| value_entry.name().starts_with(prefix)) {
        let (content, newly) = content::<T>(engine, value_entry).map_err(|why| why.of(value_entry.name()))?;
        decoded.extend(newly.map(|value| (value_entry, value)));
        if let ValueContent::Value(value) = content {
            all.push((value_entry.key(), value));
        }
    }
    if !decoded.is_empty() {
        keep_decoded(engine, open, &decoded);
    }
    Ok(all)
}

/// Returns the edit that removes the value of type `T`, even if it cannot be read. `None` if there
/// is none.
pub(super) fn removal<T: SessionValue>(
    engine: &Engine,
    open: &OpenSession,
    key: &ValueKey,
) -> Result<Option<ValueEdit>, SessionError> {
    let present = match read::<T>(engine, open, key.as_str()) {
        Ok(TypedValue { content: ValueContent::Missing | ValueContent::Absent, .. }) => return Ok(None),
        Ok(found) => Some(found.version),
        Err(error) if error.kind().is_unreadable() => None,
        Err(error) => return Err(error),
    };
    Ok(Some(ValueEdit::remove(key.clone(), present)))
}
