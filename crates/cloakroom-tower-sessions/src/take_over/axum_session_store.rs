use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use axum_session::DatabasePool;
use serde::Deserialize;

use super::{OldSession, OldStore};

/// The sessions that `axum_session` 0.22 stored in its database.
///
/// If its cookies are signed, say so with
/// [`OldCookie::signed_by_axum_session`](crate::OldCookie::signed_by_axum_session). An encrypted
/// record (`SessionConfig::with_database_key`) is an error: for those, implement [`OldStore`], and
/// decrypt what the pool loads.
///
/// Stop the processes that still run `axum_session` before the first visitor moves, or route each
/// visitor to one or the other: they keep sessions in memory, and write them to the database again
/// after they were deleted there.
pub struct AxumSessionStore<P> {
    pool: P,
    table: String,
}

impl<P: DatabasePool> AxumSessionStore<P> {
    /// The sessions in this table, `sessions` unless the application configured another name.
    pub fn new(pool: P, table: impl Into<String>) -> Self {
        Self { pool, table: table.into() }
    }
}

/// A record of `axum_session`, as far as it is the application's.
#[derive(Deserialize)]
struct Stored {
    /// Each value is JSON in a string.
    data: HashMap<String, String>,
}

#[async_trait]
impl<P: DatabasePool + Send + Sync + 'static> OldStore for AxumSessionStore<P> {
    async fn load(&self, id: &str) -> Result<Option<OldSession>, Box<dyn Error + Send + Sync>> {
        // The pool for Redis reports a missing record as an error.
        if !self.pool.exists(id, &self.table).await? {
            return Ok(None);
        }
        let Some(text) = self.pool.load(id, &self.table).await? else { return Ok(None) };
        let stored: Stored = serde_json::from_str(&text)?;
        // `axum_session` stores an empty text for a value that does not encode, and reads it as none.
        let values = stored.data.into_iter().filter_map(|(key, text)| Some((key, serde_json::from_str(&text).ok()?)));
        Ok(Some(OldSession::new(values.collect(), None)))
    }

    async fn delete(&self, id: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.pool.delete_one_by_id(id, &self.table).await?)
    }
}

impl<P> fmt::Debug for AxumSessionStore<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AxumSessionStore").field("table", &self.table).finish_non_exhaustive()
    }
}
