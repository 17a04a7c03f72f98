use std::any::Any;

use crate::config::{OnInvalidToken, OnStoreError};
use crate::engine::Engine;
use crate::striped::Striped;
use crate::sync::Arc;

/// What the requests of a layer share: the sessions, and what the transport wants back with the response.
#[derive(Debug)]
pub(crate) struct LayerContext<C: ?Sized = dyn Any + Send + Sync> {
    pub(crate) engine: Arc<Engine>,
    pub(crate) options: LayerOptions,
    pub(crate) transport: C,
}

/// Options that a layer changes for the handlers inside of it. What it leaves out is as the next layer outside says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LayerOptions {
    pub(crate) on_store_error: Option<OnStoreError>,
    pub(crate) on_invalid_token: Option<OnInvalidToken>,
    /// A request asks the shared tier first, whatever is in memory.
    pub(crate) always_refresh: bool,
    /// Requests do not count as activity.
    pub(crate) without_activity: bool,
}

impl LayerOptions {
    /// The options of a layer that is further in than one with the options `outer`.
    pub(super) fn inside(self, outer: Self) -> Self {
        Self {
            on_store_error: self.on_store_error.or(outer.on_store_error),
            on_invalid_token: self.on_invalid_token.or(outer.on_invalid_token),
            always_refresh: self.always_refresh || outer.always_refresh,
            without_activity: self.without_activity || outer.without_activity,
        }
    }
}

/// A desk per processor: every request counts itself in and out of the one it stands at.
#[derive(Debug)]
pub(crate) struct LayerContexts(Striped<Arc<LayerContext>>);

impl LayerContexts {
    pub(crate) fn new<C: Any + Send + Sync + Clone>(
        engine: &Arc<Engine>,
        options: LayerOptions,
        transport: &C,
    ) -> Self {
        let desk = || -> Arc<LayerContext> {
            Arc::new(LayerContext { engine: Arc::clone(engine), options, transport: transport.clone() })
        };
        Self(Striped::new(desk))
    }

    /// The desk of this thread.
    pub(crate) fn local(&self) -> &Arc<LayerContext> {
        self.0.local()
    }
}
