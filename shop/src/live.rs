//! `GET /live`: an event stream for pages that are open. It reports the contents of the cart and the
//! devices of the user as they change, in whichever tab and on whichever node, and the end of the
//! session.

use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use cloakroom::{Session, SessionError, Sessions};
use futures_util::{Stream, StreamExt, stream};

use crate::accounts::UserId;
use crate::cart::Cart;
use crate::error::{Problem, ShopError};
use crate::request_context::RequestContext;

/// Streams the events `cart` and `devices`, each with a number, and `over` when the session ends.
/// Without a session the response is 204, after which browsers do not reconnect.
///
/// Other sites may not open a stream with the visitor's cookie, even by `GET` (OWASP ASVS 4.4.2).
pub(crate) async fn stream(ctx: RequestContext, headers: HeaderMap) -> Result<Response, ShopError> {
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Problem::CrossSite.into());
    }
    if !ctx.has_session().await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let carts = ctx.session.watch::<Cart>().await?;
    let carts = carts.map(|cart| Ok(numbered("cart", cart?.map_or(0, |cart| cart.count()))));
    let devices = stream::iter(ctx.user().await?).flat_map({
        let (sessions, session) = (ctx.shop.sessions().clone(), ctx.session.clone());
        move |user| devices(&sessions, &session, user)
    });
    let over = {
        let session = ctx.session.clone();
        stream::once(async move { Ok(Event::default().event("over").data(session.ended().await.name())) })
    };
    let shop = ctx.shop.clone();
    // No event when the shop closes: the browser reconnects to the restarted shop.
    let events = stream::select(carts, devices).chain(over).take_until(Box::pin(async move { shop.closed().await }));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// The number of devices of a user, until the session ends.
fn devices(
    sessions: &Sessions,
    session: &Session,
    user: UserId,
) -> impl Stream<Item = Result<Event, SessionError>> + use<> {
    let lists = sessions.of(user).watch().take_until(Box::pin(session.ended()));
    lists.map(|list| Ok(numbered("devices", list?.len() as u64)))
}

fn numbered(name: &str, number: u64) -> Event {
    Event::default().event(name).data(number.to_string())
}
