use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use cloakroom::{Session, SessionErrorKind};
use http::header::SET_COOKIE;
use http::{HeaderMap, Request, Response};
use tower_service::Service;

use crate::failure::{failure, no_session_layer};

use super::layer::Settings;
use super::steps::take_over;

/// The service that [`TakeOverLayer`](crate::TakeOverLayer) makes.
#[derive(Clone, Debug)]
pub struct TakeOverService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> TakeOverService<S> {
    pub(super) const fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for TakeOverService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    RequestBody: Send + 'static,
    ResponseBody: Default + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        if !self.settings.cookie.is_present(request.headers()) {
            return Box::pin(self.inner.call(request));
        }
        let Some(session) = Session::from_extensions(request.extensions()) else {
            return Box::pin(async { Ok(no_session_layer("TakeOverLayer")) });
        };
        let settings = Arc::clone(&self.settings);
        // The one that is ready.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            if let Err(kind) = prepare(&settings, session, request.headers()).await {
                return Ok(failure(kind));
            }
            let mut response = inner.call(request).await?;
            if let Some(removal) = settings.cookie.removal() {
                response.headers_mut().append(SET_COOKIE, removal);
            }
            Ok(response)
        })
    }
}

/// Takes the session of the request over, if there is one.
async fn prepare(settings: &Arc<Settings>, session: Session, headers: &HeaderMap) -> Result<(), SessionErrorKind> {
    let Some(id) = settings.cookie.read(headers).filter(|_| !settings.is_over()) else { return Ok(()) };
    let settings = Arc::clone(settings);
    // In a task of its own: a client that disconnects must not leave the steps half done.
    let taken = tokio::spawn(async move { take_over(&settings, &session, &id).await });
    match taken.await {
        Ok(taken) => taken.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a session could not be taken over");
            error.kind()
        }),
        // The conversion panicked, or the runtime shuts down.
        Err(_) => Err(SessionErrorKind::LoadPanicked),
    }
}
