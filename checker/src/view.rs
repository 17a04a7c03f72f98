//! What nodes and clients say to each other, and what a session holds.

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

/// Numbers that are each appended once. Whoever lost, repeated or mixed up one of them shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Items {
    pub(crate) owner: u64,
    pub(crate) list: Vec<u64>,
}

impl SessionValue for Items {
    const KEY: &'static str = "items";
}

/// How often it was counted up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) owner: u64,
    pub(crate) n: u64,
}

impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// What was set last, without looking at what it was before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) owner: u64,
    pub(crate) text: u64,
}

impl SessionValue for Note {
    const KEY: &'static str = "note";
}

/// A node's answer: what it was asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) principal: Option<String>,
    pub(crate) items: Option<Items>,
    pub(crate) count: Option<Count>,
    pub(crate) note: Option<Note>,
    /// How often the node noticed that Redis had lost what a client had seen.
    #[serde(default)]
    pub(crate) rollbacks: u64,
}

impl View {
    /// Whether anything of a session shows.
    pub(crate) fn opened(&self) -> bool {
        self.principal.is_some() || self.items.is_some() || self.count.is_some() || self.note.is_some()
    }
}

/// The number of the client group that an item belongs to; each group has a million items of its own.
pub(crate) const fn owner_of(item: u64) -> u64 {
    item / 1_000_000
}

/// The `n`th item of a group.
pub(crate) const fn item_of(owner: u64, n: usize) -> u64 {
    owner * 1_000_000 + n as u64
}

/// On a failed write: the node knows that nothing was changed.
pub(crate) const UNCHANGED: &str = "x-unchanged";
/// What a node prints before its address.
pub(crate) const LISTENING: &str = "listening on ";
/// The cookie's name.
pub(crate) const COOKIE: &str = "session";
