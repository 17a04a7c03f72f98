use std::error::Error;
use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use time::OffsetDateTime;
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::Id;

use crate::Data;

/// The sessions that another library stored.
///
/// Every store of `tower-sessions` 0.14 is one. For sessions of another library or version, read
/// its records: only these two methods are needed.
#[async_trait]
pub trait OldStore: Send + Sync + 'static {
    /// Returns the session with this id, which a client sent. `None` if there is none, if it has
    /// expired, or if the text is not an id.
    ///
    /// # Errors
    /// If the store cannot be reached. A record that cannot be read is an error too: as an absent
    /// session, it would log its visitor out.
    async fn load(&self, id: &str) -> Result<Option<OldSession>, Box<dyn Error + Send + Sync>>;

    /// Deletes the session with this id, if there is one.
    ///
    /// # Errors
    /// If it may still exist afterwards.
    async fn delete(&self, id: &str) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// A session of another library.
#[derive(Clone)]
#[non_exhaustive]
pub struct OldSession {
    /// Its data.
    pub data: Data,
    /// When it would have ended, if the store knows.
    pub expires_at: Option<SystemTime>,
}

impl OldSession {
    /// A session with this data.
    #[must_use]
    pub const fn new(data: Data, expires_at: Option<SystemTime>) -> Self {
        Self { data, expires_at }
    }
}

/// Omits the data.
impl fmt::Debug for OldSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OldSession").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[async_trait]
impl<S: SessionStore> OldStore for S {
    async fn load(&self, id: &str) -> Result<Option<OldSession>, Box<dyn Error + Send + Sync>> {
        let Ok(id) = id.parse::<Id>() else { return Ok(None) };
        let record = SessionStore::load(self, &id).await?;
        // Not every store checks it.
        let record = record.filter(|record| record.expiry_date > OffsetDateTime::now_utc());
        Ok(record.map(|record| OldSession { data: record.data, expires_at: Some(record.expiry_date.into()) }))
    }

    async fn delete(&self, id: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Ok(id) = id.parse::<Id>() else { return Ok(()) };
        Ok(SessionStore::delete(self, &id).await?)
    }
}
