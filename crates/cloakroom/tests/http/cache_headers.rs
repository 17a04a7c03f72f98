//! R54: shared caches never store a response that depends on a session.

use axum::Router;
use axum::routing::any;
use cloakroom::{Session, SessionError};
use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderName, HeaderValue};

use crate::support::{Browser, Deployment, Node, Note, Reply, VERBS, routes};

fn tokens(reply: &Reply, name: &str) -> Vec<String> {
    let fields = reply.header(name).into_iter();
    fields.flat_map(|field| field.split(',')).map(|token| token.trim().to_ascii_lowercase()).collect()
}

fn assert_private(reply: &Reply, context: &str) {
    let control = tokens(reply, "cache-control");
    assert!(control.iter().any(|token| ["private", "no-store"].contains(&&**token)), "{context}: {control:?}");
    assert!(!control.iter().any(|token| token == "public" || token.starts_with("s-maxage")), "{context}: {control:?}");
    assert!(tokens(reply, "vary").iter().any(|token| token == "cookie" || token == "*"), "{context}");
    if reply.set_cookie().is_some() {
        assert!(control.contains(&"no-store".to_owned()), "{context}: {control:?}");
    }
}

#[tokio::test]
async fn r54_every_use_of_a_session_makes_the_response_private() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        for verb in VERBS {
            // An anonymous client's response depends on the cookie too: with a cookie it would
            // differ.
            for has_session in [true, false] {
                let mut browser = Browser::new(&node.app);
                if has_session {
                    browser.post("/note/mine").await.ok();
                }
                let reply = browser.post(&format!("/do/{verb}")).await;
                assert_private(&reply, &format!("{verb} {has_session} {}", reply.status));
            }
        }
    }
}

#[tokio::test]
async fn r54_a_response_that_never_asked_for_the_session_stays_as_it_is() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let reply = browser.get("/untouched").await.ok();
        assert_eq!(reply.header("cache-control"), Vec::<&str>::new());
        assert_eq!(reply.header("vary"), Vec::<&str>::new());
        assert_eq!(reply.set_cookie(), None);
    }
}

/// A node with handlers that set these headers themselves: one reads the session, one writes it,
/// one does neither.
fn with_headers(deployment: &Deployment, headers: &'static [(HeaderName, &'static str)]) -> Node {
    let respond = move || headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
    let headers = move || axum::response::AppendHeaders(respond().collect::<Vec<_>>());
    let read = async move |session: Session| {
        session.get::<Note>().await?;
        Ok::<_, SessionError>(headers())
    };
    let write = async move |session: Session| {
        session.login("alice").await?;
        Ok::<_, SessionError>(headers())
    };
    let handlers = Router::new()
        .route("/read", any(read))
        .route("/write", any(write))
        .route("/neither", any(async move || headers()));
    Node::with_routes(deployment.builder(), routes().merge(handlers))
}

#[tokio::test]
async fn r54_what_a_handler_allows_shared_caches_is_taken_back() {
    const PERMISSIVE: [&str; 4] = ["public, max-age=60", "max-age=60", "s-maxage=60", "PUBLIC, S-MaxAge=60, immutable"];
    for control in PERMISSIVE {
        let headers = Box::leak(Box::new([(CACHE_CONTROL, control), (VARY, "accept-encoding")]));
        let node = with_headers(&Deployment::local(), headers);
        let mut browser = Browser::new(&node.app);
        let untouched = browser.get("/neither").await.ok();
        assert_eq!(untouched.header("cache-control"), [control]);
        for path in ["/read", "/write", "/read"] {
            let reply = browser.get(path).await.ok();
            assert_private(&reply, &format!("{control} {path}"));
            let vary = tokens(&reply, "vary");
            assert!(vary.contains(&"accept-encoding".to_owned()), "{control} {path}: {vary:?}");
        }
    }
}

#[tokio::test]
async fn r54_what_a_handler_forbids_stays_forbidden() {
    for control in ["no-store", "private, no-store", "no-cache, no-store, must-revalidate"] {
        let headers = Box::leak(Box::new([(CACHE_CONTROL, control), (VARY, "*")]));
        let node = with_headers(&Deployment::local(), headers);
        for path in ["/read", "/write"] {
            let reply = Browser::new(&node.app).get(path).await.ok();
            assert!(tokens(&reply, "cache-control").contains(&"no-store".to_owned()), "{control} {path}");
            assert!(tokens(&reply, "vary").contains(&"*".to_owned()), "{control} {path}");
        }
    }
}
