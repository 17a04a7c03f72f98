use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::header::COOKIE;
use axum::http::{Request, StatusCode};
use cloakroom::Sessions;
use cloakroom_recipes::live::app;
use cloakroom_testkit::TestClient;
use futures_util::StreamExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tower::ServiceExt;

const ORIGIN: &str = "http://localhost:3000";

fn client(app: &Router) -> TestClient {
    TestClient::new(app).with_origin(ORIGIN)
}

async fn signed_in(app: &Router, device: &str) -> TestClient {
    let client = client(app);
    assert_eq!(client.post(&format!("/login/ada/{device}")).await.status(), StatusCode::OK);
    client
}

fn cookie(client: &TestClient) -> String {
    format!("session={}", client.cookie("session").unwrap())
}

/// A stream of events, read as far as the test needs it.
async fn events(app: &Router, client: &TestClient) -> BodyDataStream {
    let request = Request::get("/cart/events").header(COOKIE, cookie(client)).body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap().into_body().into_data_stream()
}

async fn next(events: &mut BodyDataStream) -> Option<String> {
    let event = events.next().await?.unwrap();
    Some(String::from_utf8(event.to_vec()).unwrap())
}

#[tokio::test]
async fn a_tab_sees_what_another_tab_puts_into_the_cart_until_the_logout() {
    let app = app(Sessions::in_memory());
    let tab = signed_in(&app, "laptop").await;
    let mut events = events(&app, &tab).await;
    assert_eq!(next(&mut events).await.as_deref(), Some("event: cart\ndata: 0\n\n"));
    tab.post("/cart/lamp").await;
    assert_eq!(next(&mut events).await.as_deref(), Some("event: cart\ndata: 1\n\n"));
    tab.post("/logout").await;
    assert_eq!(next(&mut events).await, None);
}

#[tokio::test]
async fn a_browser_without_a_session_is_told_not_to_connect_again() {
    assert_eq!(client(&app(Sessions::in_memory())).get("/cart/events").await.status(), StatusCode::NO_CONTENT);
}

type Socket = WebSocketStream<TcpStream>;

/// Opens a WebSocket as a page of `origin`.
async fn connect(app: &Router, client: Option<&TestClient>, origin: &str) -> Result<Socket, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    tokio::spawn(axum::serve(listener, app.clone()).into_future());
    let mut request = "ws://localhost:3000/devices".into_client_request().unwrap();
    request.headers_mut().insert("origin", origin.parse().unwrap());
    if let Some(client) = client {
        request.headers_mut().insert(COOKIE, cookie(client).parse().unwrap());
    }
    client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn receive(socket: &mut Socket) -> Message {
    let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
    message.expect("a message comes in time").unwrap().unwrap()
}

#[tokio::test]
async fn a_page_lists_the_devices_until_its_own_is_signed_out() {
    let app = app(Sessions::in_memory());
    let laptop = signed_in(&app, "laptop").await;
    let mut socket = connect(&app, Some(&laptop), ORIGIN).await.unwrap();
    assert_eq!(receive(&mut socket).await, Message::text("laptop"));
    let phone = signed_in(&app, "phone").await;
    assert_eq!(receive(&mut socket).await, Message::text("laptop, phone"));
    phone.post("/logout").await;
    assert_eq!(receive(&mut socket).await, Message::text("laptop"));
    laptop.post("/logout").await;
    loop {
        match receive(&mut socket).await {
            // The list without this device may come first.
            Message::Text(_) => {}
            Message::Close(Some(frame)) => break assert_eq!(frame.code, CloseCode::Policy),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_socket_is_for_users_and_for_pages_of_this_site() {
    let app = app(Sessions::in_memory());
    let laptop = signed_in(&app, "laptop").await;
    for (client, origin, status) in
        [(Some(&laptop), "http://evil.example", StatusCode::FORBIDDEN), (None, ORIGIN, StatusCode::UNAUTHORIZED)]
    {
        let Err(Error::Http(refusal)) = connect(&app, client, origin).await else { panic!("{origin} got a socket") };
        assert_eq!(refusal.status(), status);
    }
}
