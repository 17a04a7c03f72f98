//! History and recommendations of one visit.

use std::sync::Arc;

use cloakroom::SessionValue;

use super::{GuestHistory, History, REMEMBERED, Recommendations};
use crate::accounts::UserId;
use crate::db::Db;
use crate::error::ShopError;
use crate::product::Product;
use crate::request_context::RequestContext;
use crate::shop::Sources;

impl RequestContext {
    async fn history(&self) -> Result<Arc<History>, ShopError> {
        let slot = &self.slots().history;
        let Some(user) = self.user().await? else {
            return self.state(History::KEY, slot, |guest: &GuestHistory| guest.0.clone()).await;
        };
        self.cached(slot, move |from: Sources| async move {
            Ok(History(from.db.recently_viewed(user.0, REMEMBERED as u32).await?))
        })
        .await
    }

    /// The products seen last, newest first.
    pub(crate) async fn recently_viewed(&self) -> Result<Vec<Product>, ShopError> {
        let history = self.history().await?;
        Ok(self.catalogue().await?.pick(history.ids()))
    }

    /// What goes with the products seen last; nothing for those who saw none.
    pub(crate) async fn recommendations(&self) -> Result<Vec<Product>, ShopError> {
        let (history, language) = (self.history().await?, self.language().await?);
        if history.ids().is_empty() {
            return Ok(Vec::new());
        }
        let load = move |from: Sources| async move {
            Ok(Recommendations(history.recommend(&*from.catalogue(language).await?)))
        };
        let picks = self.cached(&self.slots().recommendations, load).await?;
        Ok(self.catalogue().await?.pick(&picks.0))
    }

    /// Remembers that the visitor looked at `item`.
    pub(crate) async fn saw(&self, item: &str) -> Result<(), ShopError> {
        if self.history().await?.ids().first().is_some_and(|newest| newest == item) {
            return Ok(());
        }
        match self.user().await? {
            Some(user) => self.record(user, &serde_json::json!([item]).to_string()).await,
            None => {
                let update = self.session().update(|history: &mut GuestHistory| history.0.saw(item));
                self.change("history (write)", update).await?;
                self.session().invalidate::<Recommendations>().await?;
                Ok(())
            }
        }
    }

    /// Adds what somebody looked at as a guest to their history as a user.
    pub(crate) async fn adopt_history(&self, user: UserId, seen: &GuestHistory) -> Result<(), ShopError> {
        self.record(user, &seen.0.to_json()).await
    }

    async fn record(&self, user: UserId, items: &str) -> Result<(), ShopError> {
        self.database("history (write)", |db: Db| async move { db.record_views(user.0, items).await }).await?;
        // All devices of the user forget the old history; each loads the new one when it needs it.
        let sessions = self.shop().sessions().of(user);
        sessions.invalidate::<History>().await?;
        sessions.invalidate::<Recommendations>().await?;
        Ok(())
    }
}
