//! Values under keys that are known only at run time, as JSON: for adapters that give the code of
//! another session library a session of this one.
//!
//! Hidden from the documentation, because an application that names its types gets more: what it
//! reads is decoded once, and the compiler knows its keys. Two types under one key are not found
//! here, and a value is replaced, not updated.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cache::{ValueEdit, ValueKey};
use crate::engine::Engine;
use crate::error::SessionError;
use crate::sync::Arc;
use crate::token::PublicId;

use super::Session;
use super::typed_value::read_all;
use super::value::{SessionValue, assert_valid_key, edit_for};

/// A value whose type is known only to the code that reads it.
#[derive(Clone, Serialize, Deserialize)]
struct Json(Value);

impl SessionValue for Json {
    /// Only in messages: the value is stored under the key that the caller gives.
    const KEY: &'static str = "json";
}

impl Session {
    /// Returns all values whose keys start with `prefix`, with their keys. `None` if there is no
    /// session.
    ///
    /// # Errors
    /// As [`get`](Self::get), for each of the values.
    #[doc(hidden)]
    pub async fn json_values(&self, prefix: &str) -> Result<Option<Vec<(String, Value)>>, SessionError> {
        let request = self.request();
        let Some(open) = request.open_to_read().await? else { return Ok(None) };
        let values = read_all::<Json>(request.engine(), &open, prefix)?;
        Ok(Some(values.into_iter().map(|(key, json)| (key.as_str().to_owned(), json.0.clone())).collect()))
    }

    /// Replaces the values under these keys, and removes those that are `None`, in one commit. All
    /// other values stay as they are, whatever other requests make of them meanwhile.
    ///
    /// Creates the session if there is none and a value is stored.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    ///
    /// # Panics
    /// If a key is not as [`SessionValue::KEY`] has to be.
    #[doc(hidden)]
    pub async fn change_json_values(&self, changes: Vec<(String, Option<Value>)>) -> Result<(), SessionError> {
        let edits = edits(self.request().engine(), changes)?;
        if edits.is_empty() { Ok(()) } else { self.request().edit_many(&edits).await }
    }

    /// Returns the public id of the session that the request's token names, whether the session
    /// lives or not. `None` without a token. No I/O, and no access to the session: a response does
    /// not depend on it by this.
    #[doc(hidden)]
    #[must_use]
    pub fn named_id(&self) -> Option<PublicId> {
        self.request().named_id()
    }
}

/// Returns the edits that store values, and remove those that are `None`.
pub(super) fn edits(
    engine: &Engine,
    changes: impl IntoIterator<Item = (String, Option<Value>)>,
) -> Result<Vec<ValueEdit>, SessionError> {
    let now = engine.now();
    let edit = |(key, value): (String, Option<Value>)| {
        assert_valid_key(&key);
        let key = ValueKey::Owned(key.into());
        match value {
            Some(value) => edit_for(engine, key, Arc::new(Json(value)), None, now),
            None => Ok(ValueEdit::remove(key, None)),
        }
    };
    changes.into_iter().map(edit).collect()
}
