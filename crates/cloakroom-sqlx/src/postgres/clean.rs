//! Removal of expired sessions and of old changes, by one node at a time.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::StoreError;
use sqlx::Row;

use super::database::{Database, Link};
use super::fault::Effect;
use super::feed::Feed;

/// How long a node waits between two searches.
const PERIOD: Duration = Duration::from_secs(10);

/// The maximum number of sessions that are examined in one transaction.
const EXAMINED: i64 = 1000;

/// The maximum number of changes that are removed in one transaction.
const CHANGES: i64 = 10_000;

/// Removes expired sessions and old changes, in the background.
pub(super) struct Cleaner {
    pub(super) database: Database,
    pub(super) feed: Arc<Feed>,
    /// Names the right to clean, of which there is one per schema.
    pub(super) right: String,
}

impl Cleaner {
    pub(super) async fn run(self) {
        loop {
            tokio::time::sleep(PERIOD).await;
            // The next round makes up for a failure.
            if let Err(error) = self.clean().await {
                tracing::debug!(%error, "expired sessions could not be removed; this is tried again");
            }
        }
    }

    async fn clean(&self) -> Result<(), StoreError> {
        while self.remove_sessions().await? == EXAMINED {}
        if let Some(snapshot) = self.feed.read_by_all() {
            while self.remove_changes(&snapshot).await? == CHANGES.cast_unsigned() {}
        }
        Ok(())
    }

    /// Returns the number of examined sessions.
    async fn remove_sessions(&self) -> Result<i64, StoreError> {
        self.database
            .call(Effect::Reads, |mut link| async move {
                link.begin().await?;
                let mut examined = 0;
                if self.may_clean(&mut link).await? {
                    let clean = link.query(&self.database.statements.clean).bind(EXAMINED);
                    examined = clean.fetch_one(link.connection()?).await?.try_get("examined")?;
                }
                link.commit().await?;
                Ok((examined, link))
            })
            .await
    }

    /// Returns the number of removed changes.
    async fn remove_changes(&self, snapshot: &str) -> Result<u64, StoreError> {
        self.database
            .call(Effect::Reads, |mut link| async move {
                link.begin().await?;
                let mut removed = 0;
                if self.may_clean(&mut link).await? {
                    let remove = link.query(&self.database.statements.remove_changes).bind(snapshot.to_owned());
                    removed = remove.bind(CHANGES).execute(link.connection()?).await?.rows_affected();
                }
                link.commit().await?;
                Ok((removed, link))
            })
            .await
    }

    async fn may_clean(&self, link: &mut Link) -> sqlx::Result<bool> {
        let lock = link.query(&self.database.statements.try_lock).bind(self.right.clone());
        lock.fetch_one(link.connection()?).await?.try_get(0)
    }
}
