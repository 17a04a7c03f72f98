use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use cloakroom::Session;
use cloakroom_testkit::TestClient;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::application::{ADMIN, app, app_with, device, in_memory, show, staff};

/// An open stream of events.
struct Stream {
    body: Body,
    text: String,
}

impl Stream {
    async fn open(app: &Router, client: &TestClient, after: &str, last: Option<&str>) -> Self {
        let cookie = format!("__Host-session={}", client.cookie("__Host-session").unwrap());
        let mut request = Request::get(format!("{ADMIN}/events/stream?after={after}")).header("cookie", cookie);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { body: response.into_body(), text: String::new() }
    }

    /// Waits for a text, and returns everything up to it. `None` if the stream ends before.
    async fn until(&mut self, text: &str) -> Option<String> {
        tokio::time::timeout(Duration::from_secs(30), self.find(text)).await.expect("it comes, or the stream ends")
    }

    /// Waits for the message that contains a text. Its rows begin with the newest.
    async fn message_with(&mut self, text: &str) -> String {
        let before = self.until(text).await.expect("the stream goes on");
        before + &self.until("\n\n").await.expect("the message ends")
    }

    /// Does the same as [`until`](Self::until), however long it takes.
    async fn find(&mut self, text: &str) -> Option<String> {
        loop {
            if let Some((before, after)) = self.text.split_once(text) {
                let before = before.to_owned();
                self.text = after.to_owned();
                return Some(before);
            }
            let frame = self.body.frame().await?.unwrap();
            self.text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
            assert!(self.text.len() < 100_000, "{text:?} does not come");
        }
    }
}

/// The position that the page gives its script.
async fn position(client: &TestClient) -> String {
    show(client, "/events").await.ok().attributes("data-after").remove(0)
}

#[tokio::test]
async fn events_are_listed_and_then_follow_as_they_happen() {
    let app = app(&in_memory());
    let grace = staff(&app).await;
    let _ada = device(&app, "ada", "Laptop").await;
    let page = show(&grace, "/events").await.ok().has("<code>session_logged_in</code>").has("<bdi>ada</bdi>");
    let (ada, first) = (page.html().find("<bdi>ada").unwrap(), page.html().find("<bdi>grace").unwrap());
    assert!(ada < first, "the newest is first");
    let mut stream = Stream::open(&app, &grace, &position(&grace).await, None).await;
    let bob = device(&app, "bob", "Laptop").await;
    let message = stream.message_with("<bdi>bob</bdi>").await;
    assert!(message.contains("event: more") && !message.contains("<bdi>ada"), "{message}");
    bob.in_session(async |session: Session| session.destroy().await.unwrap()).await;
    stream.until("session_ended</code> <span class=\"soft\">logout</span>").await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_opened_again_misses_nothing_and_repeats_nothing() {
    let app = app(&in_memory());
    let grace = staff(&app).await;
    let page = position(&grace).await;
    device(&app, "ada", "Laptop").await;
    let mut stream = Stream::open(&app, &grace, &page, None).await;
    stream.until("<bdi>ada</bdi>").await.unwrap();
    stream.until("\n\n").await.unwrap();
    let id = position(&grace).await;
    drop(stream);
    device(&app, "bob", "Laptop").await;
    let mut again = Stream::open(&app, &grace, &page, Some(&id)).await;
    let message = again.message_with("<bdi>bob</bdi>").await;
    assert!(!message.contains("<bdi>ada"), "{message}");
    // After a restart of the application, or at another node, the page starts anew.
    for unknown in ["1-1", "nonsense", "1764520366000-99999999999999999999"] {
        let mut other = Stream::open(&app, &grace, unknown, None).await;
        let all = other.message_with("<bdi>grace</bdi>").await;
        assert!(all.contains("event: all") && all.contains("<bdi>bob"), "{all}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_session_of_the_member_of_staff() {
    let sessions = in_memory();
    let app = app(&sessions);
    let grace = staff(&app).await;
    let mut stream = Stream::open(&app, &grace, &position(&grace).await, None).await;
    sessions.of("grace").revoke_all().await.unwrap();
    assert_eq!(stream.until("never").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_ten_minutes_and_with_the_application() {
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let app = app_with(&in_memory(), |page| {
        page.end_streams_when(async move {
            let _ = closed.await;
        })
    });
    let grace = staff(&app).await;
    let after = position(&grace).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(Stream::open(&app, &grace, &after, None).await.find("never").await, None);
    assert_eq!(begun.elapsed().as_secs(), 600);
    let mut stream = Stream::open(&app, &grace, &after, None).await;
    close.send(()).unwrap();
    assert_eq!(stream.until("never").await, None);
    assert!(begun.elapsed() < Duration::from_secs(601));
}

#[tokio::test]
async fn the_number_of_streams_is_bounded() {
    let app = app(&in_memory());
    let grace = staff(&app).await;
    let after = position(&grace).await;
    let mut streams = Vec::new();
    for _ in 0..32 {
        streams.push(Stream::open(&app, &grace, &after, None).await);
    }
    let refused = grace.get(&format!("{ADMIN}/events/stream")).await;
    assert_eq!((refused.status().as_u16(), refused.header("retry-after")), (503, Some("5")));
    streams.pop();
    Stream::open(&app, &grace, &after, None).await;
}

#[tokio::test]
async fn a_flood_of_strangers_hides_no_user_and_takes_no_memory() {
    let app = app(&in_memory());
    let grace = staff(&app).await;
    for round in 0..5 {
        for _ in 0..1000 {
            let stranger = TestClient::new(&app);
            stranger.in_session(async |session| session.set(crate::stores::Cart::default()).await.unwrap()).await;
        }
        let page = show(&grace, "/events").await.ok().has("<bdi>grace</bdi>");
        assert!(page.html().matches("session_created").count() <= 101, "round {round}");
        assert!(page.html().matches("<tr").count() <= 202, "round {round}");
    }
}

#[tokio::test]
async fn without_a_script_the_page_loads_itself_again_unless_that_is_switched_off() {
    let app = app(&in_memory());
    let grace = staff(&app).await;
    show(&grace, "/events").await.ok().has("<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>");
    show(&grace, "/events?reload=off").await.ok().lacks("http-equiv=\"refresh\"");
    show(&grace, "").await.ok().lacks("http-equiv=\"refresh\"");
}
