//! All sessions, in whichever tier keeps them: found by public id, counted, and by principal.

use crate::error::SessionError;
use crate::store::{BATCH, Page, PageRequest};
use crate::token::{Principal, PublicId, Selector};

use super::Engine;

impl Engine {
    /// Finds a session by its public id: among those in memory first, then among all.
    pub(crate) async fn find(&self, id: PublicId) -> Result<Option<Selector>, SessionError> {
        for shard in 0..self.cache.shards() {
            let found = self.cache.find_in(shard, |entry| PublicId::of(&entry.selector) == id);
            if let Some(entry) = found {
                return Ok(Some(entry.selector));
            }
            // Lets other requests run while a long table is searched.
            tokio::task::yield_now().await;
        }
        let Some(store) = &self.store else { return Ok(None) };
        let mut request = PageRequest::first(BATCH);
        loop {
            let page = self.count_error(store.list(request.clone()).await)?;
            if let Some(found) = page.items.into_iter().find(|selector| PublicId::of(selector) == id) {
                return Ok(Some(found));
            }
            match page.next {
                Some(next) => request = request.after(next),
                None => return Ok(None),
            }
        }
    }

    /// Returns the number of sessions.
    pub(crate) async fn count_sessions(&self) -> Result<u64, SessionError> {
        match &self.store {
            None => Ok(self.cache.len() as u64),
            Some(store) => self.count_error(store.count().await),
        }
    }

    /// Returns a page of the principals that have sessions.
    pub(crate) async fn list_principals(&self, mut page: PageRequest) -> Result<Page<Principal>, SessionError> {
        page.limit = page.limit.min(MAX_PRINCIPALS);
        match &self.store {
            None => self.principals.principals(&page).ok_or_else(SessionError::invalid_cursor),
            Some(store) => self.count_error(store.list_principals(page).await),
        }
    }
}

/// How many principals are listed at once.
const MAX_PRINCIPALS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(BATCH).expect("a batch is not empty");
