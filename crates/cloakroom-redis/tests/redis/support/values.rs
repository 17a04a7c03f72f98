use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

/// A number that must never lose an increment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count(pub(crate) u64);

impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// A value beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note(pub(crate) String);

impl SessionValue for Note {
    const KEY: &'static str = "note";
}
