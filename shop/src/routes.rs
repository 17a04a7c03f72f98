//! Which address does what, and what every request passes on its way.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use cloakroom::SessionLayer;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;

use crate::error::Problem;
use crate::shop::Shop;
use crate::{
    accounts, cart, devices, headers, live, origin, pages, preferences, product_list, request_context, sessions, staff,
};

/// Bytes of the largest form; ours have two or three short fields.
const LARGEST_FORM: usize = 16 * 1024;

/// The whole shop as a service.
pub fn app(shop: &Shop) -> Router {
    let session = SessionLayer::new(shop.sessions().clone()).cookie(sessions::cookie());
    // A visit wraps the refusals of the layers inside it, so that they are dressed like all errors.
    let layers = ServiceBuilder::new()
        .layer(session)
        .layer(from_fn_with_state(shop.clone(), request_context::receive))
        .layer(CatchPanicLayer::custom(|_| Problem::Internal.into_response()))
        .layer(CsrfLayer::new().with_rejection_response(|_| Problem::CrossSite.into_response()))
        .layer(from_fn(origin::require))
        .layer(DefaultBodyLimit::max(LARGEST_FORM));
    routes().layer(layers).route("/static/{name}", get(pages::asset)).layer(map_response(headers::harden))
}

fn routes() -> Router {
    Router::new()
        .route("/", get(product_list::home))
        .route("/items/{item}", get(product_list::item))
        .route("/cart", get(cart::show))
        .route("/cart/add/{item}", post(cart::add))
        .route("/cart/set/{item}", post(cart::set))
        .route("/cart/remove/{item}", post(cart::remove))
        .route("/preferences", get(preferences::show).post(preferences::save))
        .route("/login", get(accounts::form).post(accounts::sign_in))
        .route("/logout", post(accounts::sign_out))
        .route("/password", get(accounts::change_form).post(accounts::change))
        .route("/devices", get(devices::show))
        .route("/devices/revoke", post(devices::revoke))
        .route("/devices/sign-out-others", post(devices::sign_out_others))
        .route("/devices/sign-out-everywhere", post(devices::sign_out_everywhere))
        .route("/staff", get(staff::show))
        .route("/staff/people/{id}", post(staff::appoint))
        .route("/live", get(live::stream))
        .fallback(|| async { Problem::NoSuchPage })
        .method_not_allowed_fallback(|| async { Problem::WrongMethod })
}
