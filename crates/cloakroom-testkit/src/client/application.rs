use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum_core::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;
use tower_service::Service;

type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// The service under test, of any type.
#[derive(Clone)]
pub(super) struct Application(Arc<dyn Fn(Request<Body>) -> Answer + Send + Sync>);

impl Application {
    pub(super) fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: fmt::Display,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<axum_core::BoxError>,
    {
        // Not every service is `Sync`.
        let service = Mutex::new(service);
        Self(Arc::new(move |request| Box::pin(answer(service.lock().clone(), request))))
    }

    pub(super) async fn call(&self, request: Request<Body>) -> Response<Body> {
        (self.0)(request).await
    }
}

async fn answer<S, B>(mut service: S, request: Request<Body>) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: fmt::Display,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum_core::BoxError>,
{
    if let Err(error) = poll_fn(|context| service.poll_ready(context)).await {
        panic!("the application takes no request: {error}");
    }
    let response = service.call(request).await;
    response.unwrap_or_else(|error| panic!("the application has no response: {error}")).map(Body::new)
}
