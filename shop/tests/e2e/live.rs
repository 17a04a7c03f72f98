//! The stream that ends with the session.

use std::time::Duration;

use reqwest::header::COOKIE;

use crate::support::{ANY, Open};

async fn watch(open: &Open, token: &str) -> reqwest::Response {
    let client = crate::support::http_client();
    client.get(format!("{}/live", open.site)).header(COOKIE, format!("session={token}")).send().await.expect("a stream")
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.expect("it ends in time")
}

#[tokio::test]
async fn the_stream_says_that_the_session_is_over_and_ends() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    let stream = watch(&open, &alice.token().expect("signed in")).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    open.signed_in("alice").await.post("/devices/sign-out-everywhere", &[]).await;
    let events = within(stream.text()).await.expect("a whole stream");
    assert!(events.contains("event: over"), "{events}");
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_watch() {
    let open = Open::new().await;
    assert_eq!(open.visitor(ANY).get("/live").await.status.as_u16(), 204);
}

#[tokio::test]
async fn streams_do_not_hold_up_the_closing_of_the_shop() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    let stream = watch(&open, &alice.token().expect("signed in")).await;
    open.shop.close();
    let events = within(stream.text()).await.expect("a whole stream");
    assert!(!events.contains("event: over"), "the session lives on: {events}");
}
