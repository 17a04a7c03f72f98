use std::net::IpAddr;

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, VARY};
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::session::Session;

use super::carriers::Carriers;

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
/// where a browser does not send it, host and port in `Origin` must be those of `Host`, and its scheme `https`. Plain
/// `http` is ours only if the layer's cookie goes over plain HTTP
/// ([`insecure_for_localhost`](crate::CookieConfig::insecure_for_localhost)), or, where no cookie says that, for
/// `localhost`: a page at `http://shop.example` can be made by anybody on the visitor's network. A request with neither
/// header is no browser's. Everything else is refused with [`CrossOrigin`]. A proxy in front must pass on `Host` and `Origin`
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
    let host = match parts.uri.authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => only(headers, &HOST),
    };
    let origin = only(headers, &ORIGIN).and_then(|origin| match origin.strip_prefix(b"https://") {
        Some(authority) => Some(authority),
        None => origin.strip_prefix(b"http://").filter(|_| is_plain_http_ours(parts, host)),
    });
    origin.is_some_and(|authority| !authority.is_empty()) && origin == host
}

/// Whether a page on plain HTTP can be one of ours: where the session's cookie goes over plain HTTP, too. Where no cookie
/// says that, on this machine alone. The request itself does not know: TLS ends at a proxy.
fn is_plain_http_ours(parts: &Parts, host: Option<&[u8]>) -> bool {
    if parts.uri.scheme() == Some(&Scheme::HTTPS) {
        return false;
    }
    let session = Session::from_extensions(&parts.extensions);
    let channels = session.as_ref().and_then(|session| session.request().transport::<Carriers>());
    match channels.and_then(Carriers::cookie) {
        Some(cookie) => !cookie.is_secure(),
        None => host.is_some_and(is_loopback),
    }
}

/// What browsers take for this machine, without asking anybody.
fn is_loopback(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost"
        || name.ends_with(".localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
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
