use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use cloakroom::SessionErrorKind;
use http::{Request, Response};
use tower_service::Service;
use tower_sessions_core::Session;

use crate::failure::{failure, no_session_layer};
use crate::layer::PrincipalOf;
use crate::request_store::RequestStore;

/// The service that [`TowerSessionsLayer`](crate::TowerSessionsLayer) makes.
#[derive(Clone, Debug)]
pub struct TowerSessionsService<S> {
    inner: S,
    principal_of: Option<PrincipalOf>,
}

impl<S> TowerSessionsService<S> {
    pub(crate) const fn new(inner: S, principal_of: Option<PrincipalOf>) -> Self {
        Self { inner, principal_of }
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for TowerSessionsService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    ResponseBody: Default + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let Some(session) = cloakroom::Session::from_extensions(request.extensions()) else {
            return Box::pin(async { Ok(no_session_layer("TowerSessionsLayer")) });
        };
        let store = Arc::new(RequestStore::new(session, self.principal_of.clone()));
        let session = Session::new(store.id(), Arc::clone(&store), None);
        let in_progress = store.begin(session.clone());
        request.extensions_mut().insert(session.clone());
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            if !session.is_modified() || response.status().is_server_error() {
                return Ok(response);
            }
            let saved =
                if session.is_empty().await { store.finish().await.map_err(Into::into) } else { session.save().await };
            let kind = in_progress.failure();
            saved.map_or_else(
                |error| {
                    tracing::error!(%error, "the session could not be saved");
                    Ok(failure(kind.unwrap_or(SessionErrorKind::Encode)))
                },
                |()| Ok(response),
            )
        })
    }
}
