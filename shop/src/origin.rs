//! Which site sent a request.

use axum::extract::Request;
use axum::http::header::{COOKIE, ORIGIN};
use axum::middleware::Next;
use axum::response::Response;

use crate::error::{Problem, ShopError};

/// Refuses what changes something in the name of a cookie, and says nothing of the site that it came from.
///
/// Every browser since 2023 sends `Sec-Fetch-Site` or, with a `POST`, `Origin`; the layer of `tower-http`, which judges
/// these headers, lets requests pass that have neither, as programs send no such header and have no cookie to abuse.
pub(crate) async fn require(request: Request, next: Next) -> Result<Response, ShopError> {
    let headers = request.headers();
    let is_known = headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN);
    if !is_known && headers.contains_key(COOKIE) && !request.method().is_safe() {
        return Err(Problem::UnknownSite.into());
    }
    Ok(next.run(request).await)
}
