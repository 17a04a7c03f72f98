use std::any::Any;

use crate::config::{OnInvalidToken, OnStoreError};
use crate::engine::Engine;
use crate::striped::Striped;
use crate::sync::Arc;

/// Data shared by the requests of a layer: the sessions, its options, and the transport's data for
/// the response.
#[derive(Debug)]
pub(crate) struct LayerContext<C: ?Sized = dyn Any + Send + Sync> {
    pub(crate) engine: Arc<Engine>,
    pub(crate) options: LayerOptions,
    pub(crate) transport: C,
}

/// Options that a layer sets for the handlers inside it. An unset option is inherited from the next
/// layer outside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LayerOptions {
    pub(crate) on_store_error: Option<OnStoreError>,
    pub(crate) on_invalid_token: Option<OnInvalidToken>,
    /// Every request reads its session from the shared tier first, ignoring cached copies.
    pub(crate) always_refresh: bool,
    /// Requests do not count as activity.
    pub(crate) without_activity: bool,
}

impl LayerOptions {
    /// Returns the effective options of a layer inside one with the options `outer`.
    pub(super) fn inside(self, outer: Self) -> Self {
        Self {
            on_store_error: self.on_store_error.or(outer.on_store_error),
            on_invalid_token: self.on_invalid_token.or(outer.on_invalid_token),
            always_refresh: self.always_refresh || outer.always_refresh,
            without_activity: self.without_activity || outer.without_activity,
        }
    }
}

/// One `Arc` per thread, so that cloning it per request does not contend on one reference count.
#[derive(Debug)]
pub(crate) struct LayerContexts(Striped<Arc<LayerContext>>);

impl LayerContexts {
    pub(crate) fn new<C: Any + Send + Sync + Clone>(
        engine: &Arc<Engine>,
        options: LayerOptions,
        transport: &C,
    ) -> Self {
        let context = || -> Arc<LayerContext> {
            Arc::new(LayerContext { engine: Arc::clone(engine), options, transport: transport.clone() })
        };
        Self(Striped::new(context))
    }

    /// The layer context of this thread.
    pub(crate) fn local(&self) -> &Arc<LayerContext> {
        self.0.local()
    }
}
