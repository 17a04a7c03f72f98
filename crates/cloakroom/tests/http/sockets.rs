//! Over a real connection: keep-alive, clients that hang up, and streams that outlive their response.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::routing::any;
use cloakroom::{EndReason, Session, SessionError};
use hyper::body::Frame;
use tokio::sync::mpsc;

use crate::support::{Connection, Count, House, Node, Stage, routes, serve};

#[tokio::test]
async fn one_connection_may_carry_the_requests_of_many_sessions() {
    for house in House::both() {
        let node = house.node();
        let address = serve(node.app.clone()).await;
        let mut connection = Connection::to(address).await;
        let alice = connection.ask("POST", "/login/alice", &[]).await.given().unwrap().to_owned();
        let bob = connection.ask("POST", "/login/bob", &[]).await.given().unwrap().to_owned();
        for _ in 0..20 {
            assert_eq!(connection.ask("GET", "/whoami", &[&alice]).await.body, "alice");
            assert_eq!(connection.ask("GET", "/whoami", &[&bob]).await.body, "bob");
            assert_eq!(connection.ask("GET", "/whoami", &[]).await.body, "nobody");
        }
        let out = connection.ask("POST", "/do/destroy", &[&alice]).await;
        assert_eq!((out.status, out.given()), (200, Some("")));
        assert_eq!(connection.ask("GET", "/whoami", &[&alice]).await.body, "nobody");
    }
}

#[tokio::test]
async fn r11_a_client_that_hangs_up_leaves_a_whole_session_behind() {
    for house in House::both() {
        let stage = Stage::new();
        let node = Node::with_routes(house.builder(), stage.routes());
        let address = serve(node.app.clone()).await;
        let mut connection = Connection::to(address).await;
        let cookie = connection.ask("POST", "/note/mine", &[]).await.given().unwrap().to_owned();
        for verb in ["renew", "update", "load"] {
            let mut doomed = Connection::to(address).await;
            doomed.say("POST", &format!("/paused/{verb}"), &[&cookie]).await;
            stage.arrival().await;
            drop(doomed);
            stage.release();
        }
        let reply = connection.ask("GET", "/do/get", &[&cookie]).await;
        assert_eq!((reply.status, &*reply.body), (200, "true"));
    }
}

/// A body that lasts as long as somebody sends.
struct Lines(mpsc::Receiver<String>);

impl HttpBody for Lines {
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
    Ok(Body::new(Lines(body)))
}

#[tokio::test]
async fn a_session_works_in_a_stream_after_its_response_and_says_when_it_ends() {
    for house in House::both() {
        let node = Node::with_routes(house.builder(), routes().route("/stream", any(stream)));
        let address = serve(node.app.clone()).await;
        let mut other = Connection::to(address).await;
        let cookie = other.ask("POST", "/login/alice", &[]).await.given().unwrap().to_owned();
        let mut streaming = Connection::to(address).await;
        streaming.say("GET", "/stream", &[&cookie]).await;
        for expected in ["1", "2", "3"] {
            assert_eq!(next_line(&mut streaming).await, expected);
        }
        assert_eq!(other.ask("GET", "/count", &[&cookie]).await.body, "3");
        node.sessions.of("alice").revoke_all().await.unwrap();
        assert_eq!(next_line(&mut streaming).await, format!("{:?}", EndReason::Revoked));
        assert_eq!(next_line(&mut streaming).await, "Ended");
    }
}

/// The next line of a chunked body: passes over the head and over the lengths of chunks.
async fn next_line(connection: &mut Connection) -> String {
    // Every line of the body is a chunk of its own: its length, itself, and an empty line.
    while !connection.line().await.is_empty() {}
    connection.line().await;
    connection.line().await
}
