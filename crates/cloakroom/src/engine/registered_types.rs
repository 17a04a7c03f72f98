//! A check of debug builds: one type of value per key.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The types of values that an application uses, by key. Kept in debug builds, so that two types
/// under one key are noticed when the second one is first used, and not only when one reads what
/// the other wrote.
#[derive(Debug, Default)]
pub(crate) struct RegisteredTypes(Mutex<HashMap<&'static str, Vec<RegisteredType>>>);

#[derive(Debug)]
struct RegisteredType {
    id: TypeId,
    name: &'static str,
}

impl RegisteredTypes {
    /// Records the use of a type under a key. Logs an error if another type uses the key.
    pub(crate) fn note<T: 'static>(&self, key: &'static str) {
        let (id, name) = (TypeId::of::<T>(), type_name::<T>());
        let mut types = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let types = types.entry(key).or_default();
        if types.iter().any(|known| known.id == id) {
            return;
        }
        match types.first().map(|first| first.name) {
            Some(other) if other == name => tracing::error!(
                "the value `{key}` is used by two types that are both called `{name}`, as in two versions of one crate; \
                 give one of them a different `KEY`"
            ),
            Some(other) => tracing::error!(
                "the value `{key}` is used by two types, `{other}` and `{name}`; give one of them a different `KEY`"
            ),
            None => {}
        }
        types.push(RegisteredType { id, name });
    }
}
