//! A backend without its type, so that the checks are compiled once and not once per store.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use cloakroom::Timestamp;
use cloakroom::store::DynStore;

use super::backend::{Backend, Capability};

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A [`Backend`] with one fresh store.
pub(super) trait DynBackend: Send + Sync {
    fn store(&self) -> Arc<dyn DynStore>;
    fn node(&self) -> Answer<'_, Option<Arc<dyn DynStore>>>;
    /// Cuts off the node that was created last.
    fn cut_off(&self) -> Answer<'_, bool>;
    fn now(&self) -> Timestamp;
    fn advance(&self, duration: Duration) -> Answer<'_, ()>;
    fn tick(&self) -> Duration;
    fn patience(&self) -> Duration;
    fn capabilities(&self) -> &[Capability];
}

struct TypedBackend<B: Backend> {
    backend: Arc<B>,
    store: Arc<B::Store>,
    last_node: Mutex<Option<Arc<B::Store>>>,
}

/// Creates a fresh store of the backend.
pub(super) async fn dyn_backend<B: Backend>(backend: Arc<B>) -> Box<dyn DynBackend> {
    let store = Arc::new(backend.store().await);
    Box::new(TypedBackend { backend, store, last_node: Mutex::new(None) })
}

impl<B: Backend> DynBackend for TypedBackend<B> {
    fn store(&self) -> Arc<dyn DynStore> {
        Arc::<B::Store>::clone(&self.store)
    }

    fn node(&self) -> Answer<'_, Option<Arc<dyn DynStore>>> {
        Box::pin(async {
            let node = Arc::new(self.backend.node(&self.store).await?);
            *self.last_node.lock() = Some(Arc::clone(&node));
            Some(node as Arc<dyn DynStore>)
        })
    }

    fn cut_off(&self) -> Answer<'_, bool> {
        Box::pin(async {
            let node = self.last_node.lock().clone();
            match node {
                Some(node) => self.backend.cut_off(&node).await,
                None => false,
            }
        })
    }

    fn now(&self) -> Timestamp {
        self.backend.now()
    }

    fn advance(&self, duration: Duration) -> Answer<'_, ()> {
        Box::pin(self.backend.advance(duration))
    }

    fn tick(&self) -> Duration {
        self.backend.tick()
    }

    fn patience(&self) -> Duration {
        self.backend.patience()
    }

    fn capabilities(&self) -> &[Capability] {
        self.backend.capabilities()
    }
}
