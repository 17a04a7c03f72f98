//! What the shop sells.

use serde::Serialize;

/// A product in one language.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) blurb: String,
    pub(crate) category: Category,
    pub(crate) cents: u32,
    pub(crate) in_stock: bool,
    /// Ids of what goes with it, the closest first.
    pub(crate) related: Vec<String>,
}

/// The shelf that a product stands on; decides the colour of its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Category {
    Hallway,
    Outdoors,
    Travel,
}

impl Category {
    /// The database's check constraint admits no other words than these three.
    pub(crate) fn from_code(code: &str) -> Self {
        match code {
            "outdoors" => Self::Outdoors,
            "travel" => Self::Travel,
            _ => Self::Hallway,
        }
    }

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Hallway => "hallway",
            Self::Outdoors => "outdoors",
            Self::Travel => "travel",
        }
    }
}
