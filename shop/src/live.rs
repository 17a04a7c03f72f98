//! `GET /live`: a stream that says when the session is over, so that an open page can say so too.

use std::convert::Infallible;

use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::error::{Problem, ShopError};
use crate::request_context::RequestContext;

/// Answers 204 where there is no session, which tells a browser not to ask again.
///
/// A stream that a cookie opens is not for other sites, although it is a `GET` (OWASP ASVS 4.4.2).
pub(crate) async fn stream(visit: RequestContext, headers: HeaderMap) -> Result<Response, ShopError> {
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Problem::CrossSite.into());
    }
    if !visit.has_session().await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = stream::unfold(Some(visit), |visit| async move {
        let visit = visit?;
        tokio::select! {
            reason = visit.session().ended() => Some((over(reason), None)),
            // No event: the browser will ask again, and the next shop will know.
            () = visit.shop().closed() => None,
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

fn over(reason: cloakroom::EndReason) -> Result<Event, Infallible> {
    Ok(Event::default().event("over").data(format!("{reason:?}")))
}
