//! The routes, and the middleware around them.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cloakroom::{CookieConfig, SessionLayer};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;

use crate::error::{Problem, ShopError};
use crate::shop::Shop;
use crate::{accounts, cart, catalogue, devices, live, pages, preferences, request_context, session_cache, staff};

/// The forms of the shop have two or three short fields.
const MAX_FORM_BYTES: usize = 16 * 1024;

/// Everything comes from the shop itself: no inline script, no inline style, no frames.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                              connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Not `no-referrer`: with it, browsers send `Origin: null` with the shop's own forms.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Returns the shop as a router.
pub fn app(shop: &Shop) -> Router {
    // The demo runs without TLS on localhost. A real shop uses the default cookie.
    let session = SessionLayer::new(shop.sessions().clone()).cookie(CookieConfig::insecure_for_localhost());
    // The context is outside the layers that reject requests, so that it renders their errors too.
    let layers = ServiceBuilder::new()
        .layer(session)
        .layer(from_fn_with_state(shop.clone(), request_context::middleware))
        .layer(CatchPanicLayer::custom(|_| Problem::Internal.into_response()))
        .layer(CsrfLayer::new().with_rejection_response(|_| Problem::CrossSite.into_response()))
        .layer(from_fn(require_origin))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES));
    routes(shop).layer(layers).route("/static/{name}", get(pages::asset)).layer(map_response(add_security_headers))
}

fn routes(shop: &Shop) -> Router {
    Router::new()
        .route("/", get(catalogue::home))
        .route("/items/{item}", get(catalogue::item))
        .route("/cart", get(cart::show))
        .route("/cart/add/{item}", post(cart::add))
        .route("/cart/set/{item}", post(cart::set))
        .route("/cart/remove/{item}", post(cart::remove))
        .route("/session-cache", post(session_cache::switch))
        .route("/preferences", get(preferences::show).post(preferences::save))
        .route("/login", get(accounts::sign_in_form).post(accounts::sign_in))
        .route("/logout", post(accounts::sign_out))
        .route("/password", get(accounts::password_form).post(accounts::change_password))
        .route("/devices", get(devices::show))
        .route("/devices/revoke", post(devices::revoke))
        .route("/devices/sign-out-others", post(devices::sign_out_others))
        .route("/devices/sign-out-everywhere", post(devices::sign_out_everywhere))
        .route("/staff", get(staff::show))
        .route("/staff/people/{id}", post(staff::set_role))
        .nest("/staff/sessions", staff::sessions(shop))
        .route("/live", get(live::stream))
        .fallback(|| async { Problem::NoSuchPage })
        .method_not_allowed_fallback(|| async { Problem::WrongMethod })
}

async fn add_security_headers(mut response: Response) -> Response {
    response.headers_mut().extend(SECURITY_HEADERS);
    response
}

/// Rejects a write with a cookie that has neither `Sec-Fetch-Site` nor `Origin`.
///
/// Every browser since 2023 sends one of them with a `POST`. `CsrfLayer` checks them, and accepts
/// requests without both, as programs send neither.
async fn require_origin(request: Request, next: Next) -> Result<Response, ShopError> {
    let headers = request.headers();
    let has_origin = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    if !has_origin && headers.contains_key(header::COOKIE) && !request.method().is_safe() {
        return Err(Problem::UnknownSite.into());
    }
    Ok(next.run(request).await)
}
