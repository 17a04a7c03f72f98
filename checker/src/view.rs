//! The protocol between nodes and clients, and the values of a session.

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

/// Numbers, each of which is appended once, so that a lost, repeated or foreign one is noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Items {
    pub(crate) owner: u64,
    pub(crate) list: Vec<u64>,
}

impl SessionValue for Items {
    const KEY: &'static str = "items";
}

/// A counter of increments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) owner: u64,
    pub(crate) n: u64,
}

impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// A value that is set without reading the previous one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) owner: u64,
    pub(crate) text: u64,
}

impl SessionValue for Note {
    const KEY: &'static str = "note";
}

/// The reply of a node, with the values that were requested.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) principal: Option<String>,
    pub(crate) items: Option<Items>,
    pub(crate) count: Option<Count>,
    pub(crate) note: Option<Note>,
    /// How often the node detected that Redis had lost data that a client had seen.
    #[serde(default)]
    pub(crate) rollbacks: u64,
}

impl View {
    /// Returns `true` if the view shows anything of a session.
    pub(crate) fn opened(&self) -> bool {
        self.principal.is_some() || self.items.is_some() || self.count.is_some() || self.note.is_some()
    }
}

/// The owner of an item; each owner has a million items.
pub(crate) const fn owner_of(item: u64) -> u64 {
    item / 1_000_000
}

/// The `n`th item of an owner.
pub(crate) const fn item_of(owner: u64, n: usize) -> u64 {
    owner * 1_000_000 + n as u64
}

/// Set on a failed write if the node knows that nothing was changed.
pub(crate) const UNCHANGED: &str = "x-unchanged";
/// The prefix of the line in which a node prints its address.
pub(crate) const LISTENING: &str = "listening on ";
/// The name of the cookie.
pub(crate) const COOKIE: &str = "session";
