//! What all responses have in common.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::admin_page::Admin;
use crate::frame::Rendered;
use crate::problem::Problem;
use crate::visit::Visit;

/// Everything comes from the page itself, and no other page may frame it.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                              form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Not `no-referrer`: with it, browsers send `Origin: null` with the page's own forms.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Middleware: makes pages of errors, those of extractors and of the router included, and adds the
/// headers.
pub(crate) async fn wrap(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let visit = Visit::new(&admin, &parts);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let status = response.status();
    if (status.is_client_error() || status.is_server_error()) && response.extensions().get::<Rendered>().is_none() {
        let problem = response.extensions().get().copied().unwrap_or(Problem::Status(status));
        let page = problem.page(&visit);
        let mut headers = std::mem::take(response.headers_mut());
        for replaced in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
            headers.remove(replaced);
        }
        response = page;
        response.headers_mut().extend(headers);
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, value);
    }
    // "Back" after the end of the session must not show the page again.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

pub(crate) async fn not_found() -> Problem {
    Problem::NoPage
}
