//! R30, R06, R54: tokens travel in a cookie, in `Authorization: Bearer`, or in either, and never in
//! both.

use axum::Router;
use axum::body::Body;
use cloakroom::{AmbiguityPolicy, CookieConfig, TokenHeader, Transport};
use http::header::{AUTHORIZATION, COOKIE as COOKIE_HEADER};
use http::{Request, StatusCode};

use crate::support::{BearerClient, Browser, COOKIE, Deployment, Node, Reply, VERBS, secs, send, unissued_token};

fn bearer() -> Transport {
    Transport::bearer(TokenHeader::default())
}

fn either() -> Transport {
    Transport::either(CookieConfig::default(), TokenHeader::default())
}

/// A request with both a cookie and a bearer token.
async fn with_both(app: &Router, path: &str, cookie: &str, token: &str) -> Reply {
    let request = Request::post(path)
        .header(COOKIE_HEADER, format!("{COOKIE}={cookie}"))
        .header(AUTHORIZATION, format!("Bearer {token}"));
    send(app, request.body(Body::empty()).unwrap()).await
}

/// Two clients of a layer that accepts either carrier: one with a cookie, one with a bearer token.
async fn clients_a_and_b(node: &Node) -> (Browser, BearerClient) {
    let mut a = Browser::new(&node.app);
    a.post("/login/a").await.ok();
    a.post("/note/of-a").await.ok();
    let by_header = Node { app: by_header(&node.sessions), sessions: node.sessions.clone() };
    let mut b = BearerClient::new(&by_header.app);
    b.post("/login/b").await.ok();
    b.post("/note/of-b").await.ok();
    (a, b.at(&node.app))
}

fn by_header(sessions: &cloakroom::Sessions) -> Router {
    crate::support::routes().layer(cloakroom::SessionLayer::new(sessions.clone()).transport(bearer()))
}

#[tokio::test]
async fn a_bearer_client_works_from_its_first_write_to_its_logout() {
    for deployment in Deployment::both() {
        let [first, second] = [(); 2].map(|()| Node::with_transport(deployment.builder(), bearer()));
        let second = if deployment.store.is_some() { second } else { first.clone() };
        let mut client = BearerClient::new(&first.app);
        let created = client.post("/note/mine").await.ok();
        assert_eq!(created.set_cookie(), None);
        assert_eq!(created.header("session-token-expires-in"), ["86400"]);
        assert_eq!(created.header("cache-control"), ["no-store"]);
        assert_eq!(created.header("vary"), ["Authorization"]);
        assert!(created.headers["session-token"].is_sensitive());
        let anonymous = client.bare_token();
        let mut client = client.at(&second.app);
        assert_eq!(client.get("/note").await.ok().body, "mine");
        client.post("/login/alice").await.ok();
        assert_ne!(client.bare_token(), anonymous);
        deployment.clock.advance(secs(60));
        client.post("/do/renew").await.ok();
        assert_eq!(client.at(&first.app).get("/whoami").await.ok().body, "alice");
        let logout = client.post("/do/destroy").await.ok();
        assert_eq!((logout.token(), logout.header("session-token-expires-in")), (Some("!ended"), vec!["0"]));
        assert_eq!(client.token, None);
    }
}

#[tokio::test]
async fn r30_a_layer_for_cookies_never_looks_at_authorization() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let (mut a, b) = clients_a_and_b(&node).await;
        a.sync_hint().await;
        let cookie = a.cookie.clone().unwrap();
        for token in [b.bare_token(), unissued_token(1), "eyJhbGciOiJub25lIn0.e30.".to_owned()] {
            assert_eq!(with_both(&node.app, "/whoami", &cookie, &token).await.ok().body, "a");
        }
        assert_eq!(b.at(&node.app).get("/whoami").await.ok().body, "nobody");
        assert_eq!(node.sessions.stats().tokens_ambiguous, 0);
    }
}

#[tokio::test]
async fn r30_a_layer_for_bearer_tokens_never_looks_at_cookies() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), bearer());
        let mut b = BearerClient::new(&node.app);
        b.post("/login/b").await.ok();
        let a = Browser::holding(&node.app, b.bare_token());
        assert_eq!(a.clone().get("/whoami").await.ok().body, "nobody");
        b.get("/note").await.ok();
        let reply = with_both(&node.app, "/whoami", &unissued_token(1), b.token.as_deref().unwrap()).await.ok();
        assert_eq!((reply.body.as_str(), reply.header("vary")), ("b", vec!["Authorization"]));
    }
}

#[tokio::test]
async fn r30_the_cookie_of_one_and_the_bearer_token_of_another_are_never_mixed() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), either());
        let (a, b) = clients_a_and_b(&node).await;
        let (cookie, token) = (a.cookie.clone().unwrap(), b.token.clone().unwrap());
        let dead = ["nonsense".to_owned(), unissued_token(2), String::new()];
        for token in dead.iter().chain([&token, &cookie]) {
            let mut events = node.sessions.events();
            for verb in VERBS.iter().filter(|verb| !["has-token", "ended"].contains(verb)) {
                let reply = with_both(&node.app, &format!("/do/{verb}"), &cookie, token).await;
                assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{verb} {token:?}");
                assert_eq!((reply.set_cookie(), reply.token()), (None, None), "{verb} {token:?}");
                assert_eq!(events.try_recv().unwrap().kind, cloakroom::EventKind::TokensAmbiguous);
            }
            assert_eq!(with_both(&node.app, "/untouched", &cookie, token).await.ok().body, "untouched");
        }
        assert_eq!(deployment.session_count(&node), 2);
        let mut a = a;
        assert_eq!(a.get("/whoami").await.ok().body, "a");
        assert_eq!(b.clone().get("/whoami").await.ok().body, "b");
    }
}

#[tokio::test]
async fn r30_a_configured_precedence_believes_one_and_the_other_not_at_all() {
    for deployment in Deployment::both() {
        for (on_ambiguity, principal, note) in
            [(AmbiguityPolicy::PreferCookie, "a", "of-a"), (AmbiguityPolicy::PreferBearer, "b", "of-b")]
        {
            let node = Node::with_transport(deployment.builder(), either().on_ambiguity(on_ambiguity));
            let (a, b) = clients_a_and_b(&node).await;
            let (cookie, token) = (a.cookie.clone().unwrap(), b.token.clone().unwrap());
            assert_eq!(with_both(&node.app, "/whoami", &cookie, &token).await.ok().body, principal);
            assert_eq!(with_both(&node.app, "/note", &cookie, &token).await.ok().body, note);
            // The preferred carrier decides even if its token opens nothing.
            let (cookie, token) =
                if principal == "a" { (unissued_token(3), token) } else { (cookie, unissued_token(3)) };
            let reply = with_both(&node.app, "/whoami", &cookie, &token).await;
            if principal == "a" {
                assert_eq!(reply.ok().body, "nobody");
            } else {
                reply.invalid_token();
            }
            let reply = with_both(&node.app, "/login/c", &cookie, &token).await.ok();
            assert_eq!(reply.set_cookie().is_some(), principal == "a");
            assert_eq!(reply.token().is_some(), principal == "b");
        }
    }
}

#[tokio::test]
async fn r30_two_cookies_and_a_bearer_token_are_several_tokens_too() {
    let deployment = Deployment::local();
    let node = Node::with_transport(deployment.builder(), either());
    let (a, b) = clients_a_and_b(&node).await;
    let cookies = format!("{}; {COOKIE}={}", a.bare_token(), unissued_token(4));
    let reply = with_both(&node.app, "/whoami", &cookies, &b.bare_token()).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    // Without the bearer token, two cookies are ambiguous as on every layer.
    let alone = Request::get("/whoami").header(COOKIE_HEADER, format!("{COOKIE}={cookies}"));
    assert_eq!(send(&node.app, alone.body(Body::empty()).unwrap()).await.ok().body, "nobody");
}

#[tokio::test]
async fn r30_two_authorization_fields_are_refused_whatever_is_preferred() {
    for on_ambiguity in [AmbiguityPolicy::Refuse, AmbiguityPolicy::PreferBearer, AmbiguityPolicy::PreferCookie] {
        let node = Node::with_transport(Deployment::local().builder(), either().on_ambiguity(on_ambiguity));
        let (a, b) = clients_a_and_b(&node).await;
        for cookie in [None, a.cookie] {
            let mut request = Request::get("/whoami");
            for token in [b.bare_token(), unissued_token(5)] {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            if let Some(cookie) = cookie {
                request = request.header(COOKIE_HEADER, format!("{COOKIE}={cookie}"));
            }
            let reply = send(&node.app, request.body(Body::empty()).unwrap()).await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{on_ambiguity:?}");
        }
    }
}

#[tokio::test]
async fn a_response_uses_the_carrier_of_its_requests_token() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), either());
        let (mut a, mut b) = clients_a_and_b(&node).await;
        for verb in ["renew", "login", "destroy"] {
            let reply_to_a = a.post(&format!("/do/{verb}")).await.ok();
            assert_eq!((reply_to_a.set_cookie().is_some(), reply_to_a.token()), (true, None), "{verb}");
            let reply_to_b = b.post(&format!("/do/{verb}")).await.ok();
            assert_eq!((reply_to_b.set_cookie(), reply_to_b.token().is_some()), (None, true), "{verb}");
            for reply in [reply_to_a, reply_to_b] {
                assert_eq!(reply.header("vary"), ["Cookie", "Authorization"], "{verb}");
                assert_eq!(reply.header("cache-control"), ["no-store"], "{verb}");
            }
        }
        assert_eq!((a.cookie, b.token), (None, None));
    }
}

#[tokio::test]
async fn a_request_without_a_token_gets_one_by_the_configured_carrier() {
    let deployment = Deployment::local();
    for (transport, in_cookie) in [(either(), true), (either().prefer_header(), false)] {
        let node = Node::with_transport(deployment.builder(), transport);
        let reply = Browser::new(&node.app).post("/note/mine").await.ok();
        assert_eq!((reply.set_cookie().is_some(), reply.token().is_some()), (in_cookie, !in_cookie));
    }
    let cookie_only = Node::with_transport(deployment.builder(), Transport::default().prefer_header());
    assert!(Browser::new(&cookie_only.app).post("/note/mine").await.ok().set_cookie().is_some());
}

#[tokio::test]
async fn a_dead_bearer_token_gets_the_invalid_token_challenge() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), bearer());
        let mut client = BearerClient::new(&node.app);
        client.post("/note/mine").await.ok();
        let mut late_client = client.clone();
        client.post("/login/alice").await.ok();
        let refused = late_client.post("/note/late").await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert_eq!(refused.header("www-authenticate"), ["Bearer error=\"invalid_token\""]);
        assert_eq!(refused.token(), None, "the new token comes with the login's response");
        // With cookies, the response has no challenge.
        let pages = deployment.node();
        let mut browser = Browser::new(&pages.app);
        browser.post("/note/mine").await.ok();
        let mut late_client = browser.clone();
        browser.post("/login/alice").await.ok();
        let refused = late_client.post("/note/late").await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (StatusCode::UNAUTHORIZED, vec![]));
    }
}

#[tokio::test]
async fn a_custom_header_name_is_used_throughout() {
    let header = TokenHeader::new("x-desk").unwrap();
    let node = Node::with_transport(Deployment::local().builder(), Transport::bearer(header));
    let reply = BearerClient::new(&node.app).post("/note/mine").await.ok();
    assert_eq!(reply.token(), None);
    assert_eq!(reply.header("x-desk").len(), 1);
    assert_eq!(reply.header("x-desk-expires-in"), ["86400"]);
}

#[tokio::test]
async fn r06_a_token_is_read_from_nowhere_else() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), either());
        let (a, b) = clients_a_and_b(&node).await;
        for bare_token in [a.bare_token(), b.bare_token()] {
            for request in [
                Request::get(format!("/whoami?access_token={bare_token}&session-token={bare_token}")),
                Request::get("/whoami").header("session-token", &bare_token),
                Request::get("/whoami").header("x-session-token", &bare_token),
                Request::get("/whoami").header("proxy-authorization", format!("Bearer {bare_token}")),
            ] {
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                let body = Body::from(format!("access_token={bare_token}"));
                assert_eq!(send(&node.app, request.body(body).unwrap()).await.ok().body, "nobody");
            }
        }
    }
}

#[tokio::test]
async fn r54_every_use_by_bearer_token_makes_the_response_private() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), bearer());
        for verb in VERBS {
            let mut client = BearerClient::new(&node.app);
            client.post("/note/mine").await.ok();
            let reply = client.post(&format!("/do/{verb}")).await;
            let control = reply.header("cache-control");
            assert!(control == ["private"] || control == ["no-store"], "{verb}: {control:?}");
            assert!(reply.token().is_none() || control == ["no-store"], "{verb}");
            assert_eq!(reply.header("vary"), ["Authorization"], "{verb}");
        }
    }
}
