use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::AccessError;

/// 401 for an invalid access token, without the reason; otherwise the response of the session
/// error.
impl IntoResponse for AccessError {
    fn into_response(self) -> Response {
        let because = match self {
            Self::Session(error) => return error.into_response(),
            Self::Refused(because) => because,
        };
        tracing::debug!(%because, "invalid access token");
        let mut response = Response::new(Body::from("The access token is not valid.\n"));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
        response
    }
}
