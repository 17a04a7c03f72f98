//! Information about a session: R16 (the age of the login), and the difference between an ended
//! session and none.

use axum::routing::any;
use cloakroom::{Session, SessionError};
use http::StatusCode;
use http::header::CACHE_CONTROL;

use crate::support::{Browser, Deployment, Node, minutes, routes, secs, send, unissued_token, with_cookie};

/// Returns whether a page would report that the session is over.
async fn is_over(node: &Node, cookie: Option<String>) -> bool {
    let mut browser = Browser::new(&node.app);
    browser.cookie = cookie;
    let has_token = browser.get("/do/has-token").await.ok();
    let exists = browser.get("/do/exists").await.ok();
    assert_eq!((has_token.set_cookie(), exists.set_cookie()), (None, None), "reading changes nothing");
    has_token.body == "true" && exists.body == "false"
}

#[tokio::test]
async fn an_ended_session_is_distinguishable_from_none_however_it_ended() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        assert!(!is_over(&node, None).await);
        let [mut expired, mut revoked, mut logged_out] = [(); 3].map(|()| Browser::new(&node.app));
        expired.post("/note/mine").await.ok();
        assert!(!is_over(&node, expired.cookie.clone()).await, "the session still exists");
        deployment.clock.advance(minutes(34));
        assert!(is_over(&node, expired.cookie.clone()).await);
        revoked.post("/login/alice").await.ok();
        node.sessions.of("alice").revoke_all().await.unwrap();
        assert!(is_over(&node, revoked.cookie.clone()).await);
        logged_out.post("/login/alice").await.ok();
        let token = logged_out.cookie.clone();
        logged_out.post("/do/destroy").await.ok();
        assert!(is_over(&node, token).await);
        assert_eq!(deployment.session_count(&node), 0);
    }
}

#[tokio::test]
async fn an_unissued_token_looks_like_one_of_an_ended_session() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        assert!(is_over(&node, Some(unissued_token(1))).await);
        for malformed in ["", "x", "not-a-token"] {
            assert!(!is_over(&node, Some(malformed.to_owned())).await, "{malformed:?} is not a token");
        }
        let two = format!("__Host-session={}; __Host-session={}", unissued_token(1), unissued_token(2));
        assert_eq!(send(&node.app, with_cookie("/do/has-token", two.as_bytes())).await.body, "false");
    }
}

#[tokio::test]
async fn a_response_that_depends_on_the_token_is_private() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        for verb in ["has-token", "exists"] {
            let reply = Browser::new(&node.app).get(&format!("/do/{verb}")).await.ok();
            assert!(reply.header(CACHE_CONTROL.as_str()).iter().any(|value| value.contains("private")), "{verb}");
        }
    }
}

#[tokio::test]
async fn exists_creates_no_session_and_sees_one_of_the_same_request() {
    let routes = routes().route(
        "/",
        any(async |session: Session| {
            let mut seen = vec![session.exists().await?];
            session.login("alice").await?;
            seen.push(session.exists().await?);
            session.destroy().await?;
            seen.push(session.exists().await?);
            Ok::<_, SessionError>(format!("{seen:?} {}", session.has_token()))
        }),
    );
    for deployment in Deployment::both() {
        let node = Node::with_routes(deployment.builder(), routes.clone());
        let mut browser = Browser::new(&node.app);
        assert_eq!(browser.post("/").await.ok().body, "[false, true, false] false");
        browser.post("/note/mine").await.ok();
        assert_eq!(browser.post("/").await.ok().body, "[true, true, false] true");
    }
}

#[tokio::test]
async fn r16_a_login_is_recent_for_as_long_as_the_page_says() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        let recent = async |browser: &mut Browser| browser.get("/do/authenticated-within").await.ok().body == "true";
        browser.post("/note/mine").await.ok();
        assert!(!recent(&mut browser).await, "an anonymous session has no login");
        browser.post("/login/alice").await.ok();
        assert!(recent(&mut browser).await);
        deployment.clock.advance(minutes(10) - secs(1));
        assert!(recent(&mut browser).await);
        deployment.clock.advance(secs(1));
        assert!(!recent(&mut browser).await, "ten minutes are over");
        for verb in ["renew", "remember", "update"] {
            browser.post(&format!("/do/{verb}")).await.ok();
            assert!(!recent(&mut browser).await, "{verb} is not a login");
        }
        browser.post("/login/alice").await.ok();
        assert!(recent(&mut browser).await);
        browser.post("/do/destroy").await.ok();
        assert!(!recent(&mut browser).await);
    }
}

#[tokio::test]
async fn a_store_failure_is_an_error_and_not_an_absent_session() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&deployment.node().app);
    browser.post("/login/alice").await.ok();
    store.fail_all(cloakroom::store::StoreErrorKind::Unavailable);
    for verb in ["exists", "authenticated-within"] {
        let reply = browser.at(&node.app).get(&format!("/do/{verb}")).await;
        assert_eq!(
            reply.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{verb}: an unavailable store does not mean that the session is gone"
        );
    }
}
