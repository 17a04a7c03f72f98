use cloakroom::SessionValue;
use serde::{Deserialize, Serialize, Serializer};

/// A number that must never lose an increment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count(pub(crate) u64);

impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// A value beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note(#[serde(serialize_with = "recorded")] pub(crate) String);

impl SessionValue for Note {
    const KEY: &'static str = "note";
}

/// No test may print what a session holds.
fn recorded<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    cloakroom_secret_scan::record("value", text);
    serializer.serialize_str(text)
}
