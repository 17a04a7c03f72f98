use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::error::{SessionError, SessionErrorKind};

use super::status::answer;

/// Describes a mistake of the caller in debug builds, where its author sees it; visitors never use
/// a debug build.
fn body(error: &SessionError, text: &'static str) -> Body {
    match error.as_caller_mistake() {
        Some(mistake) if cfg!(debug_assertions) => Body::from(format!("{mistake}.\n")),
        _ => Body::from(text),
    }
}

fn log(error: &SessionError, status: StatusCode) {
    use SessionErrorKind as Kind;
    match error.kind() {
        // Every request fails this way for as long as a dependency is down. The place where the
        // error arises logs it, throttled.
        Kind::StoreUnavailable
        | Kind::OutcomeUnknown
        | Kind::Full
        | Kind::LoadFailed
        | Kind::LoadTimedOut
        | Kind::TooManyLoads => {
            tracing::debug!(?error, "a session operation failed");
        }
        _ if status.is_server_error() => tracing::error!(?error, "a session operation failed"),
        _ => {}
    }
}

/// Tells the client how to proceed; the cause goes to the log. The [kind](SessionErrorKind) is in
/// the response's extensions.
impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        let kind = self.kind();
        let (status, text) = answer(kind);
        log(&self, status);
        let mut response = Response::new(body(&self, text));
        *response.status_mut() = status;
        // For the layer, which knows the carrier of the request, and for the application's own
        // middleware.
        response.extensions_mut().insert(kind);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
