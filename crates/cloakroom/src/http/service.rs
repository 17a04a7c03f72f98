use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::session::{Handle, Session};
use crate::sync::Arc;

use super::arrival::Arrival;
use super::future::SessionFuture;
use super::layer::Settings;

/// The service that [`SessionLayer`](super::SessionLayer) makes.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> SessionService<S> {
    pub(super) const fn new(inner: S, settings: Arc<Settings>) -> Self {
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
        let Arrival { shown, way } = self.settings.receive(request.headers());
        let handle = Handle::new(Arc::clone(self.settings.desks.mine()), &shown);
        request.extensions_mut().insert(Session::new(handle.clone()));
        SessionFuture::new(self.inner.call(request), handle, way)
    }
}
