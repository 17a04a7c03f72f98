//! Removal of expired sessions and of old changes, by one node at a time.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::StoreError;
use sqlx::Row;

use super::database::{Database, Link};
use super::fault::{self, Effect};
use super::feed::Feed;
use super::schema::Schema;

/// How long a node waits between two searches.
const PERIOD: Duration = Duration::from_secs(10);

/// The maximum number of sessions that are examined in one transaction.
const EXAMINED: i64 = 1000;

/// The maximum number of changes that are removed in one transaction.
const CHANGES: i64 = 10_000;

/// The maximum time of a transaction. Longer than that of a call: nobody waits for it, and a slow disk
/// must not keep expired sessions.
const LIMIT: Duration = Duration::from_secs(30);

/// Removes expired sessions and old changes, in the background.
pub(super) struct Cleaner {
    database: Database,
    feed: Arc<Feed>,
    /// Names the right to clean, of which there is one per schema.
    right: String,
}

/// What there is to remove.
struct Due {
    sessions: bool,
    changes: bool,
}

impl Cleaner {
    pub(super) fn new(database: &Database, feed: Arc<Feed>, schema: &Schema) -> Self {
        let deadline = database.deadline.max(LIMIT);
        let database = Database { deadline, ..database.clone() };
        Self { database, feed, right: format!("cloakroom clean {schema}") }
    }

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
        let snapshot = self.feed.read_by_all();
        // If nobody knows, the transactions below find out, which have more time.
        let due = self.due(snapshot.clone()).await.unwrap_or(Due { sessions: true, changes: true });
        if due.sessions {
            let mut next = Some(i64::MIN);
            while let Some(from) = next {
                next = self.remove_sessions(from).await?;
            }
        }
        if let Some(snapshot) = snapshot.filter(|_| due.changes) {
            while self.remove_changes(&snapshot).await? == CHANGES.cast_unsigned() {}
        }
        Ok(())
    }

    /// Looks whether there is anything to do, in one round trip in place of four.
    async fn due(&self, snapshot: Option<String>) -> Result<Due, StoreError> {
        let due = &self.database.statements.due;
        let row = self.database.query_row(Effect::Reads, due, |query| query.bind(snapshot.clone())).await?;
        let read = || {
            let row = row.ok_or(sqlx::Error::RowNotFound)?;
            Ok(Due { sessions: row.try_get("sessions")?, changes: row.try_get("changes")? })
        };
        read().map_err(|error| fault::fault(error, Effect::Reads))
    }

    /// Examines sessions whose time to be examined is `from` or later. Returns where to go on if there
    /// may be more.
    async fn remove_sessions(&self, from: i64) -> Result<Option<i64>, StoreError> {
        self.database
            .call(Effect::Reads, |mut link| async move {
                link.begin().await?;
                let mut next = None;
                if self.may_clean(&mut link).await? {
                    let clean = link.query(&self.database.statements.clean).bind(EXAMINED).bind(from);
                    let row = clean.fetch_one(link.connection()?).await?;
                    if row.try_get::<i64, _>("examined")? == EXAMINED {
                        next = row.try_get("last")?;
                    }
                }
                link.commit().await?;
                Ok((next, link))
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
