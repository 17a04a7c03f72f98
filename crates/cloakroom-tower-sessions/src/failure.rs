use cloakroom::SessionErrorKind;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};

/// The response for a request whose session cannot be used.
pub(crate) fn failure<B: Default>(kind: SessionErrorKind) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = kind.status();
    if kind.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    // For the `SessionLayer`, which knows the carrier of the request.
    response.extensions_mut().insert(kind);
    response
}

/// The response if no `SessionLayer` wraps `layer`.
pub(crate) fn no_session_layer<B: Default>(layer: &str) -> Response<B> {
    tracing::error!("no `SessionLayer` wraps the `{layer}`; add `.layer(SessionLayer::new(sessions))` after it");
    failure(SessionErrorKind::NoLayer)
}
