use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::sync::Arc;

use super::before_handler::Preparation;
use super::future::SessionFuture;
use super::layer::LayerState;

/// The service that [`SessionLayer`](super::SessionLayer) makes.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    settings: Arc<LayerState>,
}

impl<S> SessionService<S> {
    pub(super) const fn new(inner: S, settings: Arc<LayerState>) -> Self {
        Self { inner, settings }
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for SessionService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = SessionFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let answering = self.settings.admit(&mut request);
        let preparation = Preparation::begin(request.extensions_mut());
        SessionFuture::new(preparation, self.inner.call(request), answering)
    }
}
