use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
#[cfg(feature = "jwt")]
use http::header::WWW_AUTHENTICATE;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::error::{SessionError, SessionErrorKind};

use super::status::answer;

/// What is wrong with the code is said where its author looks; visitors meet no debug build.
fn body(error: &SessionError, text: &'static str) -> Body {
    match error.as_caller_mistake() {
        Some(mistake) if cfg!(debug_assertions) => Body::from(format!("{mistake}.\n")),
        _ => Body::from(text),
    }
}

fn log(error: &SessionError, status: StatusCode) {
    use SessionErrorKind as Kind;
    match error.kind() {
        // Every request meets them for as long as something is away: said where they arise, once in a while.
        Kind::StoreUnavailable
        | Kind::OutcomeUnknown
        | Kind::Full
        | Kind::LoadFailed
        | Kind::LoadTimedOut
        | Kind::TooManyLoads => {
            tracing::debug!(?error, "a session verb failed");
        }
        _ if status.is_server_error() => tracing::error!(?error, "a session verb failed"),
        _ => {}
    }
}

/// Says what the client can do about it; why it happened goes to the log. The [kind](SessionErrorKind) stands in the
/// response's extensions.
impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        let kind = self.kind();
        let (status, text) = answer(kind);
        log(&self, status);
        let mut response = Response::new(body(&self, text));
        *response.status_mut() = status;
        // For the layer, which knows how the client speaks, and for the application's own middleware.
        response.extensions_mut().insert(kind);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// 401 for a token that is not believed, with no word of why; otherwise the response of the error.
#[cfg(feature = "jwt")]
impl IntoResponse for crate::session::AccessError {
    fn into_response(self) -> Response {
        let because = match self {
            Self::Session(error) => return error.into_response(),
            Self::Refused(because) => because,
        };
        tracing::debug!(%because, "an access token is not believed");
        let mut response = Response::new(Body::from("The access token is not valid.\n"));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
        response
    }
}
