//! `axum-messages` from the registry, through every route that its documentation shows.

use axum::Router;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use axum_messages::{Messages, MessagesManagerLayer, Metadata};
use tower_sessions::Session;

use crate::browser::Browser;
use crate::deployment::{Deployment, on};

async fn read(messages: Messages) -> String {
    let lines = messages.into_iter().map(|message| format!("{}: {message} {:?}", message.level, message.metadata));
    lines.collect::<Vec<_>>().join(", ")
}

async fn write(messages: Messages) -> impl IntoResponse {
    let metadata = Metadata::from_iter([("foo".to_owned(), "bar".into())]);
    messages.debug_with_metadata("Hello, world!", metadata).info("This is an info message.");
    Redirect::to("/")
}

async fn say_goodbye(session: Session, messages: Messages) -> impl IntoResponse {
    session.flush().await.unwrap();
    messages.success("Goodbye.");
    Redirect::to("/")
}

fn app() -> Router {
    Router::new()
        .route("/", get(read))
        .route("/set-message", get(write))
        .route("/logout", get(say_goodbye))
        .layer(MessagesManagerLayer)
}

const BOTH: &str = "Debug: Hello, world! Some({\"foo\": String(\"bar\")}), Info: This is an info message. None";

#[tokio::test]
async fn messages_are_shown_once_on_the_next_page() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/").await.ok("");
        assert_eq!(tab.token(), None);
        tab.get("/set-message").await.redirects_to("/");
        tab.get("/").await.ok(BOTH);
        tab.get("/").await.ok("");
    }
}

#[tokio::test]
async fn a_message_after_a_logout_is_in_a_session_of_its_own() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/set-message").await.redirects_to("/");
        let before = tab.clone();
        tab.get("/logout").await.redirects_to("/");
        assert_ne!(before.token(), tab.token());
        tab.get("/").await.ok("Success: Goodbye. None");
        before.clone().get("/").await.ok("");
    }
}
