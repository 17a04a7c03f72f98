//! The products that a visitor has viewed, and recommendations from them.

use std::sync::Arc;

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

use crate::accounts::UserId;
use crate::catalogue::Catalogue;
use crate::db::Product;
use crate::error::ShopError;
use crate::request_context::RequestContext;
use crate::shop::Sources;

/// The number of viewed products that are remembered.
const MAX_VIEWED: usize = 8;

/// The number of products that are recommended at once.
const MAX_RECOMMENDED: usize = 4;

/// The ids of the last viewed products, newest first. A user's history is stored in the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SessionValue)]
#[session(ttl = "10m", jitter = 10)]
pub(crate) struct History(Vec<String>);

/// A guest's history, which exists only in the session.
#[derive(Clone, Debug, Default, Serialize, Deserialize, SessionValue)]
#[session(key = "guest-history")]
pub(crate) struct GuestHistory(History);

/// The ids of recommended products, computed from the history and the catalogue.
#[derive(Clone, Debug, Default, Serialize, Deserialize, SessionValue)]
#[session(ttl = "10m", jitter = 10)]
struct Recommendations(Vec<String>);

impl History {
    fn add(&mut self, item: &str) {
        self.0.retain(|viewed| viewed != item);
        self.0.insert(0, item.to_owned());
        self.0.truncate(MAX_VIEWED);
    }

    /// Returns the ids as a JSON array, oldest first, as the database expects them.
    fn to_json(&self) -> String {
        serde_json::json!(self.0.iter().rev().collect::<Vec<_>>()).to_string()
    }

    /// Returns products that are related to those viewed, without duplicates.
    fn recommend(&self, catalogue: &Catalogue) -> Recommendations {
        let mut ids: Vec<String> = Vec::new();
        let related = self.0.iter().filter_map(|id| catalogue.get(id)).flat_map(|product| &product.related);
        for id in related {
            let is_new = !self.0.contains(id) && !ids.contains(id);
            if is_new && catalogue.get(id).is_some_and(|product| product.in_stock) {
                ids.push(id.clone());
            }
        }
        ids.truncate(MAX_RECOMMENDED);
        Recommendations(ids)
    }
}

impl RequestContext {
    async fn history(&self) -> Result<Arc<History>, ShopError> {
        let Some(user) = self.user().await? else {
            return self.state(History::KEY, |guest: &GuestHistory| guest.0.clone()).await;
        };
        self.cached(1, move |sources: Sources| async move {
            Ok(History(sources.db.recently_viewed(user.0, MAX_VIEWED as u32).await?))
        })
        .await
    }

    /// Returns the last viewed products, newest first.
    pub(crate) async fn recently_viewed(&self) -> Result<Vec<Product>, ShopError> {
        let history = self.history().await?;
        Ok(self.catalogue().await?.pick(&history.0))
    }

    /// Returns products related to those viewed. Its source is the application cache.
    pub(crate) async fn recommendations(&self) -> Result<Vec<Product>, ShopError> {
        let (history, language) = (self.history().await?, self.language().await?);
        if history.0.is_empty() {
            return Ok(Vec::new());
        }
        let load = move |sources: Sources| async move { Ok(history.recommend(&*sources.catalogue(language).await?)) };
        let recommendations = self.cached(0, load).await?;
        Ok(self.catalogue().await?.pick(&recommendations.0))
    }

    /// Adds `item` to the visitor's history.
    pub(crate) async fn record_view(&self, item: &str) -> Result<(), ShopError> {
        if self.history().await?.0.first().is_some_and(|newest| newest == item) {
            return Ok(());
        }
        if let Some(user) = self.user().await? {
            return self.save_views(user, &serde_json::json!([item]).to_string()).await;
        }
        let update = self.session.update(|history: &mut GuestHistory| history.0.add(item));
        self.change("history (write)", update).await?;
        self.save_state::<GuestHistory>().await?;
        self.session.invalidate::<Recommendations>().await?;
        Ok(())
    }

    /// Adds a guest's history to that of the user who has signed in.
    pub(crate) async fn adopt_history(&self, user: UserId, viewed: &GuestHistory) -> Result<(), ShopError> {
        self.save_views(user, &viewed.0.to_json()).await
    }

    async fn save_views(&self, user: UserId, items: &str) -> Result<(), ShopError> {
        self.database("history (write)", |db| async move { db.record_views(user.0, items).await }).await?;
        // All sessions of the user drop the old history. Each loads the new one on its next use.
        let sessions = self.shop.sessions().of(user);
        sessions.invalidate::<History>().await?;
        sessions.invalidate::<Recommendations>().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{History, MAX_VIEWED};

    #[test]
    fn the_newest_comes_first_without_duplicates() {
        let mut history = History::default();
        for item in ["a", "b", "a"] {
            history.add(item);
        }
        assert_eq!(history.0, ["a", "b"]);
        for number in 0..20 {
            history.add(&number.to_string());
        }
        assert_eq!(history.0.len(), MAX_VIEWED);
        assert!(history.to_json().ends_with(r#""19"]"#), "the database expects the newest last");
    }
}
