use std::time::Duration;

use cloakroom::{CachePolicy, SessionValue};
use serde::{Deserialize, Serialize, Serializer};

/// State: a text that identifies a session in tests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note(#[serde(serialize_with = "recorded")] pub(crate) String);

impl SessionValue for Note {
    const KEY: &'static str = "note";
}

/// State: a counter that must not lose an increment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count(pub(crate) u64);

impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// State that a login may keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept(#[serde(serialize_with = "recorded")] pub(crate) String);

impl SessionValue for Kept {
    const KEY: &'static str = "kept";
}

/// A cached value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Theme(#[serde(serialize_with = "recorded")] pub(crate) String);

impl SessionValue for Theme {
    const KEY: &'static str = "theme";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(60)).negative_ttl(Duration::from_secs(60));
}

/// Records each value, since no output of the tests may contain it.
fn recorded<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    cloakroom_secret_scan::record("value", text);
    serializer.serialize_str(text)
}
