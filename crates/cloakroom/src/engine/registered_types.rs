//! A check of debug builds: one type of value per key.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The types of values that an application uses, by key. Kept in debug builds, so that two types
/// under one key are noticed when the second one is first used, and not only when one reads what
/// the other wrote.
#[derive(Debug, Default)]
pub(crate) struct RegisteredTypes(Mutex<HashMap<&'static str, Vec<&'static str>>>);

impl RegisteredTypes {
    /// Records the use of a type under a key. Logs an error if another type uses the key.
    pub(crate) fn note(&self, key: &'static str, name: &'static str) {
        let mut types = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = types.entry(key).or_default();
        if names.contains(&name) {
            return;
        }
        if let Some(other) = names.first() {
            tracing::error!(
                "the value `{key}` is used by two types, `{other}` and `{name}`; give one of them a different `KEY`"
            );
        }
        names.push(name);
    }
}
