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

/// An extractor for requests that a page of this site made, or that no page made.
///
/// For `GET` requests that a page of another site must not make with a visitor's session, above all
/// the handshake of a WebSocket (OWASP ASVS 4.4.2, RFC 6455 §10.2). A browser sends the session's
/// cookie with a handshake that any site starts, and nothing prevents that site from reading the
/// messages. The `csrf` layer of `tower-http` lets it pass, because it is a `GET`; use that layer
/// for other methods.
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
/// The check uses headers that browsers add and pages cannot forge. `Sec-Fetch-Site` must be
/// `same-origin` or `none`. If a browser does not send it, host and port in `Origin` must be those
/// of `Host`, and its scheme must be `https`. The scheme `http` is accepted only if the layer's
/// cookie is sent over plain HTTP
/// ([`insecure_for_localhost`](crate::CookieConfig::insecure_for_localhost)), or, if the layer has
/// no cookie, for `localhost`: anyone on the visitor's network can forge a page at
/// `http://shop.example`. A request with neither header does not come from a browser and is
/// accepted. Everything else is refused with [`CrossOrigin`]. A proxy in front must pass on `Host`
/// and `Origin` unchanged.
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

/// Returns `true` if a page on plain HTTP can belong to this site.
///
/// That is so if the session's cookie is sent over plain HTTP; without a cookie, only on this
/// machine. The request itself does not show it: TLS may end at a proxy.
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

/// Returns `true` for hosts that browsers treat as this machine without a DNS lookup.
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

/// The value of a header that occurs exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.as_bytes())
}

/// The request was made by a page of another site. As a response: 403.
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
        // The next request for this address may come from a page of this site.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("Sec-Fetch-Site, Origin"));
        response
    }
}
