use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
#[cfg(feature = "jwt")]
use http::header::WWW_AUTHENTICATE;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::sessions::{SessionError, SessionErrorKind};

/// What a client reads: enough to act on, nothing about the inside (OWASP ASVS 16.5.1).
const fn answer(kind: SessionErrorKind) -> (StatusCode, &'static str) {
    use SessionErrorKind as Kind;
    match kind {
        Kind::Ended => (StatusCode::UNAUTHORIZED, "The session is over.\n"),
        Kind::Ambiguous => (StatusCode::BAD_REQUEST, "Show one session token, not several.\n"),
        Kind::TooManyCookies => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Send fewer cookies.\n"),
        Kind::Conflict => (StatusCode::CONFLICT, "Somebody else changed the same thing. Try again.\n"),
        Kind::TooManySessions => (StatusCode::CONFLICT, "Too many sessions. End another one first.\n"),
        Kind::CsrfRefused => (StatusCode::FORBIDDEN, "This page is out of date. Load it again.\n"),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "That is more than a session can hold.\n"),
        Kind::Full
        | Kind::StoreUnavailable
        | Kind::OutcomeUnknown
        | Kind::LoadFailed
        | Kind::LoadTimedOut
        | Kind::TooManyLoads
        | Kind::NoRandomness => (StatusCode::SERVICE_UNAVAILABLE, "Not available right now. Try again.\n"),
        Kind::Decode
        | Kind::UnknownKey
        | Kind::SealBroken
        | Kind::Encode
        | Kind::LoadPanicked
        | Kind::LoadCycle
        | Kind::NoLayer => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong.\n"),
    }
}

/// Says what the client can do about it; why it happened goes to the log. The [kind](SessionErrorKind) stands in the
/// response's extensions.
impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        let kind = self.kind();
        let (status, body) = answer(kind);
        if status.is_server_error() {
            tracing::error!(error = ?self, "a session verb failed");
        }
        let mut response = Response::new(Body::from(body));
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
