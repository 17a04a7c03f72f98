use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use cloakroom_tower_sessions::{OldSession, OldStore};
use tower_sessions::MemoryStore;

/// The old store, whose calls can fail and are counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    pub(crate) store: MemoryStore,
    pub(crate) loads: Arc<AtomicUsize>,
    pub(crate) fails_to_load: Arc<AtomicBool>,
    pub(crate) fails_to_delete: Arc<AtomicBool>,
}

#[async_trait]
impl OldStore for Watched {
    async fn load(&self, id: &str) -> Result<Option<OldSession>, Box<dyn Error + Send + Sync>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        // Other requests run meanwhile, as with a store behind a network.
        tokio::task::yield_now().await;
        if self.fails_to_load.load(Ordering::SeqCst) {
            Err("down".into())
        } else {
            OldStore::load(&self.store, id).await
        }
    }

    async fn delete(&self, id: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        tokio::task::yield_now().await;
        if self.fails_to_delete.load(Ordering::SeqCst) {
            Err("down".into())
        } else {
            OldStore::delete(&self.store, id).await
        }
    }
}
