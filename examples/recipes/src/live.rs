//! Pages that follow a session: the cart as server-sent events, the user's devices over a WebSocket.
//!
//! ```console
//! $ curl -c jar -b jar -d '' localhost:3000/login/ada/laptop
//! $ curl -b jar -N localhost:3000/cart/events &
//! $ curl -b jar -d '' localhost:3000/cart/lamp
//! ```

use std::convert::Infallible;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use cloakroom::{CookieConfig, Login, Principal, SameOrigin, Session, SessionError, SessionLayer, Sessions};
use futures_util::StreamExt;

use crate::cart::Cart;

async fn sign_in(session: Session, Path((user, device)): Path<(String, String)>) -> Result<(), SessionError> {
    session.login(Login::new(user).label(device).keep::<Cart>()).await
}

async fn sign_out(session: Session) -> Result<(), SessionError> {
    session.destroy().await
}

async fn add(session: Session, Path(product): Path<String>) -> Result<(), SessionError> {
    session.update(|cart: &mut Cart| *cart.0.entry(product.clone()).or_default() += 1).await
}

/// Sends the number of articles whenever a tab, a device or a job changes the cart, until the session
/// ends.
async fn cart_events(session: Session) -> Result<Response, SessionError> {
    if !session.exists().await? {
        // A browser connects again after the end of a stream, but not after this.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let carts = session.watch::<Cart>().await?;
    let events = carts.filter_map(async |cart| match cart {
        Ok(cart) => {
            let articles: u32 = cart.map_or(0, |cart| cart.0.values().sum());
            Some(Ok::<_, Infallible>(Event::default().event("cart").data(articles.to_string())))
        }
        Err(error) => {
            tracing::warn!(?error, "a cart cannot be read");
            None
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

async fn devices(
    _: SameOrigin,
    State(sessions): State<Sessions>,
    session: Session,
    upgrade: WebSocketUpgrade,
) -> Result<Response, SessionError> {
    let Some(user) = session.principal().await? else { return Ok(StatusCode::UNAUTHORIZED.into_response()) };
    Ok(upgrade.on_upgrade(async move |mut socket| {
        tokio::select! {
            _reason = session.ended() => {}
            () = send_devices(&mut socket, &sessions, user) => return,
        }
        let frame = CloseFrame { code: close_code::POLICY, reason: "signed out".into() };
        let _the_client_may_be_gone = socket.send(Message::Close(Some(frame))).await;
    }))
}

/// Sends the names of the devices on which the user is signed in, again after each change, until the
/// client goes.
async fn send_devices(socket: &mut WebSocket, sessions: &Sessions, user: Principal) {
    let mut lists = sessions.of(user).watch();
    loop {
        let list = tokio::select! {
            list = lists.next() => list,
            message = socket.recv() => match message {
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
        };
        let names = match list {
            Some(Ok(list)) => list.into_iter().filter_map(|device| device.label).collect::<Vec<_>>().join(", "),
            Some(Err(error)) => {
                tracing::warn!(?error, "the devices cannot be read");
                continue;
            }
            None => return,
        };
        if socket.send(Message::Text(names.into())).await.is_err() {
            return;
        }
    }
}

/// Returns the application.
pub fn app(sessions: Sessions) -> Router {
    let layer = SessionLayer::new(sessions.clone()).cookie(CookieConfig::insecure_for_localhost());
    Router::new()
        .route("/login/{user}/{device}", post(sign_in))
        .route("/logout", post(sign_out))
        .route("/cart/{product}", post(add))
        .route("/cart/events", get(cart_events))
        .route("/devices", any(devices))
        .layer(layer)
        .with_state(sessions)
}
