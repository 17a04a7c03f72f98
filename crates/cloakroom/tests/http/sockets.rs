//! Over a real connection: keep-alive, clients that disconnect, and streams that outlive their
//! response.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use cloakroom::{EndReason, SameOrigin, Session, SessionError};
use http::{Request, StatusCode};
use hyper::body::Frame;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::support::{Browser, COOKIE, Connection, Count, Deployment, HandlerGate, Node, routes, serve};

#[tokio::test]
async fn one_connection_serves_the_requests_of_many_sessions() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let address = serve(node.app.clone()).await;
        let mut connection = Connection::to(address).await;
        let alice = connection.request("POST", "/login/alice", &[]).await.new_cookie().unwrap().to_owned();
        let bob = connection.request("POST", "/login/bob", &[]).await.new_cookie().unwrap().to_owned();
        for _ in 0..20 {
            assert_eq!(connection.request("GET", "/whoami", &[&alice]).await.body, "alice");
            assert_eq!(connection.request("GET", "/whoami", &[&bob]).await.body, "bob");
            assert_eq!(connection.request("GET", "/whoami", &[]).await.body, "nobody");
        }
        let logout = connection.request("POST", "/do/destroy", &[&alice]).await;
        assert_eq!((logout.status, logout.new_cookie()), (200, Some("")));
        assert_eq!(connection.request("GET", "/whoami", &[&alice]).await.body, "nobody");
    }
}

#[tokio::test]
async fn r11_a_client_that_hangs_up_leaves_a_whole_session_behind() {
    for deployment in Deployment::both() {
        let gate = HandlerGate::new();
        let node = Node::with_routes(deployment.builder(), gate.routes());
        let address = serve(node.app.clone()).await;
        let mut connection = Connection::to(address).await;
        let cookie = connection.request("POST", "/note/mine", &[]).await.new_cookie().unwrap().to_owned();
        for verb in ["renew", "update", "load"] {
            let mut dropped = Connection::to(address).await;
            dropped.send_request("POST", &format!("/paused/{verb}"), &[&cookie]).await;
            gate.wait_until_paused().await;
            drop(dropped);
            gate.release();
        }
        let reply = connection.request("GET", "/do/get", &[&cookie]).await;
        assert_eq!((reply.status, &*reply.body), (200, "true"));
    }
}

/// A body that ends when its sender is dropped.
struct LineBody(mpsc::Receiver<String>);

impl HttpBody for LineBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line.into()))))
    }
}

async fn stream(session: Session) -> Result<Body, SessionError> {
    session.update::<Count, _>(|count| count.0 = 0).await?;
    let (lines, body) = mpsc::channel(1);
    tokio::spawn(async move {
        for _ in 0..3 {
            let count = session
                .update::<Count, _>(|count| {
                    count.0 += 1;
                    count.0
                })
                .await;
            let line = count.map_or_else(|error| format!("{error}\n"), |count| format!("{count}\n"));
            lines.send(line).await.unwrap();
        }
        lines.send(format!("{:?}\n", session.ended().await)).await.unwrap();
        let late = session.update::<Count, _>(|count| count.0 += 1).await;
        lines.send(format!("{:?}\n", late.unwrap_err().kind())).await.unwrap();
    });
    Ok(Body::new(LineBody(body)))
}

#[tokio::test]
async fn a_session_works_in_a_stream_after_its_response_until_it_ends() {
    for deployment in Deployment::both() {
        let node = Node::with_routes(deployment.builder(), routes().route("/stream", any(stream)));
        let address = serve(node.app.clone()).await;
        let mut other = Connection::to(address).await;
        let cookie = other.request("POST", "/login/alice", &[]).await.new_cookie().unwrap().to_owned();
        let mut streaming = Connection::to(address).await;
        streaming.send_request("GET", "/stream", &[&cookie]).await;
        for expected in ["1", "2", "3"] {
            assert_eq!(next_line(&mut streaming).await, expected);
        }
        assert_eq!(other.request("GET", "/count", &[&cookie]).await.body, "3");
        node.sessions.of("alice").revoke_all().await.unwrap();
        assert_eq!(next_line(&mut streaming).await, format!("{:?}", EndReason::Revoked));
        assert_eq!(next_line(&mut streaming).await, "Ended");
    }
}

/// The next line of a chunked body, without the head and the lengths of chunks.
async fn next_line(connection: &mut Connection) -> String {
    // Every line of the body is a separate chunk: its length, the line, and an empty line.
    while !connection.line().await.is_empty() {}
    connection.line().await;
    connection.line().await
}

/// A WebSocket without frames: after the handshake it reports the end of its session.
async fn socket(_: SameOrigin, session: Session, mut request: Request<Body>) -> Result<Response, SessionError> {
    if session.principal().await?.is_none() {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut line = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
        line.write_all(b"hello\n").await.unwrap();
        let reason = session.ended().await;
        line.write_all(format!("{reason:?}\n").as_bytes()).await.unwrap();
    });
    let switched = [("connection", "upgrade"), ("upgrade", "websocket")];
    Ok((StatusCode::SWITCHING_PROTOCOLS, switched).into_response())
}

/// Performs the handshake as a browser does on a page of `origin`, and returns the status.
async fn handshake(connection: &mut Connection, origin: &str, cookie: &str) -> u16 {
    let head = format!(
        "GET /socket HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: {origin}\r\n\
         Cookie: {COOKIE}={cookie}\r\n\r\n"
    );
    connection.write(&head).await;
    let status = connection.line().await.split(' ').nth(1).unwrap().parse().unwrap();
    while !connection.line().await.is_empty() {}
    status
}

#[tokio::test]
async fn r51_a_socket_is_for_our_own_pages_and_dies_with_its_session_wherever_that_ends() {
    for deployment in Deployment::both() {
        let sockets = || routes().route("/socket", any(socket)).layer(tower_http::csrf::CsrfLayer::new());
        let first = Node::with_routes(deployment.builder(), sockets());
        let second = if deployment.store.is_some() { deployment.node() } else { first.clone() };
        let address = serve(first.app.clone()).await;
        for (ending, reason) in
            [("/do/destroy", [EndReason::Logout, EndReason::Gone]), ("revoke", [EndReason::Revoked, EndReason::Gone])]
        {
            let cookie = Connection::to(address)
                .await
                .request("POST", "/login/alice", &[])
                .await
                .new_cookie()
                .unwrap()
                .to_owned();
            let mut cross_origin = Connection::to(address).await;
            assert_eq!(handshake(&mut cross_origin, "https://evil.example", &cookie).await, 403);
            let mut anonymous = Connection::to(address).await;
            assert_eq!(handshake(&mut anonymous, "https://shop.example", "nothing").await, 401);
            let mut same_origin = Connection::to(address).await;
            assert_eq!(handshake(&mut same_origin, "https://shop.example", &cookie).await, 101);
            assert_eq!(same_origin.line().await, "hello");
            match ending {
                "revoke" => drop(second.sessions.of("alice").revoke_all().await.unwrap()),
                path => drop(Browser::holding(&second.app, cookie).post(path).await.ok()),
            }
            // Real time: only the delivery of the invalidation takes any.
            let line = same_origin.line().await;
            assert!(reason.iter().any(|reason| line == format!("{reason:?}")), "{ending}: {line}");
            assert_eq!(same_origin.line().await, "", "the connection is closed");
        }
    }
}
