use cloakroom::SessionValue;
use serde::{Deserialize, Serialize, Serializer};

/// A counter that must not lose an increment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count(pub(crate) u64);

impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// A second, independent value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note(#[serde(serialize_with = "recorded")] pub(crate) String);

impl SessionValue for Note {
    const KEY: &'static str = "note";
}

/// Records the text for the secret scan, because no test may print the content of a session.
fn recorded<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    cloakroom_secret_scan::record("value", text);
    serializer.serialize_str(text)
}
