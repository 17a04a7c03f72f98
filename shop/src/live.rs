//! `GET /live`: an event stream that reports the end of the session, for pages that are open.

use std::convert::Infallible;

use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::error::{Problem, ShopError};
use crate::request_context::RequestContext;

/// Streams one event when the session ends. Without a session the response is 204, after which
/// browsers do not reconnect.
///
/// Other sites may not open a stream with the visitor's cookie, even by `GET` (OWASP ASVS 4.4.2).
pub(crate) async fn stream(ctx: RequestContext, headers: HeaderMap) -> Result<Response, ShopError> {
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Problem::CrossSite.into());
    }
    if !ctx.has_session().await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = stream::unfold(Some(ctx), |ctx| async move {
        let ctx = ctx?;
        tokio::select! {
            reason = ctx.session.ended() => {
                Some((Ok::<_, Infallible>(Event::default().event("over").data(format!("{reason:?}"))), None))
            }
            // No event: the browser reconnects to the restarted shop.
            () = ctx.shop.closed() => None,
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}
