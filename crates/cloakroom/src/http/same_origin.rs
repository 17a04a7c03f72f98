use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request that one of our own pages made, or no page at all: for `GET`s that a stranger's page must not
/// make in a visitor's name, above all the handshake of a WebSocket (OWASP ASVS 4.4.2, RFC 6455 §10.2).
///
/// A browser sends the session's cookie with a handshake that any site starts, and nothing keeps that site
/// from reading along. The `csrf` layer of `tower-http` lets it pass, because it is a `GET`; for other methods that
/// layer is right.
///
/// ```
/// use cloakroom::{SameOrigin, Session};
///
/// async fn socket(_: SameOrigin, session: Session) -> &'static str {
///     // Upgrade here; and let the socket end when `session.ended()` does.
///     # drop(session);
///     ""
/// }
/// # let _: axum::Router = axum::Router::new().route("/socket", axum::routing::any(socket));
/// ```
///
/// It goes by headers that browsers add and pages cannot forge: `Sec-Fetch-Site` must be `same-origin` or `none`;
/// where a browser does not send it, host and port in `Origin` must be those of `Host`. A request with neither is no
/// browser's. Everything else is refused with [`CrossOrigin`]. A proxy in front must pass on `Host` and `Origin`
/// as they came.
#[derive(Clone, Copy, Debug)]
pub struct SameOrigin(());

impl<S: Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = CrossOrigin;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, CrossOrigin> {
        if is_ours(parts) { Ok(Self(())) } else { Err(CrossOrigin) }
    }
}

fn is_ours(parts: &Parts) -> bool {
    let headers = &parts.headers;
    if headers.contains_key(SITE) {
        return only(headers, &SITE).is_some_and(|site| site == b"same-origin" || site == b"none");
    }
    if !headers.contains_key(ORIGIN) {
        return true;
    }
    let origin = only(headers, &ORIGIN).and_then(|origin| {
        let authority = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"))?;
        (!authority.is_empty()).then_some(authority)
    });
    let host = match parts.uri.authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => only(headers, &HOST),
    };
    origin.is_some() && origin == host
}

/// The value of a header that is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.as_bytes())
}

/// Another site's page made the request. As a response: 403.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request was made by a page of another site")]
#[non_exhaustive]
pub struct CrossOrigin;

plain_debug!(CrossOrigin);

impl IntoResponse for CrossOrigin {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from("This request was made by another site.\n"));
        *response.status_mut() = StatusCode::FORBIDDEN;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        // The next one who asks for this address may be ours.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("Sec-Fetch-Site, Origin"));
        response
    }
}
