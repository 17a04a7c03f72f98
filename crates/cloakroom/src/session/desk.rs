use std::any::Any;

use crate::sessions::{Engine, OnStoreError};
use crate::stripes::Striped;
use crate::sync::Arc;

/// What the requests of a layer share: the sessions, and what the transport wants back with the response.
#[derive(Debug)]
pub(crate) struct Desk<C: ?Sized = dyn Any + Send + Sync> {
    pub(crate) engine: Arc<Engine>,
    pub(crate) on_store_error: OnStoreError,
    /// Whether a request asks the shared tier first, whatever is in memory.
    pub(crate) always_refresh: bool,
    pub(crate) transport: C,
}

/// A desk per processor: every request counts itself in and out of the one it stands at.
#[derive(Debug)]
pub(crate) struct Desks(Striped<Arc<Desk>>);

impl Desks {
    pub(crate) fn new<C: Any + Send + Sync + Clone>(
        engine: &Arc<Engine>,
        on_store_error: OnStoreError,
        always_refresh: bool,
        transport: &C,
    ) -> Self {
        let desk = || -> Arc<Desk> {
            Arc::new(Desk { engine: Arc::clone(engine), on_store_error, always_refresh, transport: transport.clone() })
        };
        Self(Striped::new(desk))
    }

    /// The desk of this thread.
    pub(crate) fn mine(&self) -> &Arc<Desk> {
        self.0.mine()
    }
}
