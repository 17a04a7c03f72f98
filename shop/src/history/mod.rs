//! What a visitor looked at, and what they may like because of it.

mod visit;

use std::time::Duration;

use cloakroom::{CachePolicy, SessionValue};
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::request_context::Loaded;

/// Products that are remembered.
const REMEMBERED: usize = 8;

/// Products that are recommended at once.
const SHOWN: usize = 4;

/// The ids of the products seen last, newest first. A user's history has its home in the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History(Vec<String>);

impl SessionValue for History {
    const KEY: &'static str = "history";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(600)).jitter(10);
}

impl Loaded for History {
    const QUERIES: u32 = 1;
}

/// A guest's history has no other home than the session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct GuestHistory(History);

impl SessionValue for GuestHistory {
    const KEY: &'static str = "guest-history";
}

/// Products that somebody may like, worked out from the history and the catalogue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recommendations(Vec<String>);

impl SessionValue for Recommendations {
    const KEY: &'static str = "recommendations";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(600)).jitter(10);
}

/// Behind this session value is the application cache, not the database.
impl Loaded for Recommendations {
    const QUERIES: u32 = 0;
}

impl History {
    pub(crate) fn ids(&self) -> &[String] {
        &self.0
    }

    fn saw(&mut self, item: &str) {
        self.0.retain(|seen| seen != item);
        self.0.insert(0, item.to_owned());
        self.0.truncate(REMEMBERED);
    }

    /// Oldest first, as the database wants them.
    fn to_json(&self) -> String {
        serde_json::json!(self.0.iter().rev().collect::<Vec<_>>()).to_string()
    }

    /// What goes with the things seen last, the closest first and nothing twice.
    fn recommend(&self, catalogue: &Catalogue) -> Vec<String> {
        let mut picks: Vec<String> = Vec::new();
        let related = self.0.iter().filter_map(|id| catalogue.get(id)).flat_map(|product| &product.related);
        for id in related {
            let fresh = !self.0.contains(id) && !picks.contains(id);
            if fresh && catalogue.get(id).is_some_and(|product| product.in_stock) {
                picks.push(id.clone());
            }
        }
        picks.truncate(SHOWN);
        picks
    }
}

#[cfg(test)]
mod tests {
    use super::{History, REMEMBERED};

    #[test]
    fn the_newest_comes_first_and_nothing_twice() {
        let mut history = History::default();
        for item in ["a", "b", "a"] {
            history.saw(item);
        }
        assert_eq!(history.ids(), ["a", "b"]);
        for number in 0..20 {
            history.saw(&number.to_string());
        }
        assert_eq!(history.ids().len(), REMEMBERED);
        assert!(history.to_json().ends_with(r#""19"]"#), "the database wants the newest last");
    }
}
