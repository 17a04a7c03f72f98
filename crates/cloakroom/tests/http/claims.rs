//! Further variations of the claims in SECURITY.md that the other tests of a requirement do not
//! cover.

use axum::body::Body;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::{CookieConfig, Session, SessionError, SessionLayer, TokenHeader, Transport};
use http::{Request, StatusCode};

use crate::support::{BearerClient, Browser, COOKIE, Deployment, Node, Reply, VERBS, decode, encodings, routes, send};

/// Asserts that no part of the response except `field` contains either half of the token.
fn assert_only_in(field: &str, reply: &Reply, token: &str, context: &str) {
    let mut exposed = reply.body.clone().into_bytes();
    for (name, value) in reply.headers.iter().filter(|(name, _)| *name != field) {
        exposed.extend_from_slice(name.as_str().as_bytes());
        exposed.extend_from_slice(value.as_bytes());
    }
    let bytes = decode(token);
    for encoding in encodings(&bytes[..16]).into_iter().chain(encodings(&bytes[16..])) {
        assert!(!exposed.windows(encoding.len()).any(|window| window == encoding), "{context}");
    }
}

#[tokio::test]
async fn r06_a_token_is_sent_in_its_own_field_alone_by_whichever_transport() {
    let either = || Transport::either(CookieConfig::default(), TokenHeader::default());
    let transports = [
        (Transport::bearer(TokenHeader::default()), "session-token"),
        (Transport::bearer(TokenHeader::new("x-session").unwrap()), "x-session"),
        (either().prefer_header(), "session-token"),
    ];
    for deployment in Deployment::both() {
        for (transport, field) in &transports {
            let node = Node::with_transport(deployment.builder(), transport.clone());
            let first = send(&node.app, Request::post("/login/alice").body(Body::empty()).unwrap()).await.ok();
            let mut token = first.header(field)[0].to_owned();
            assert_only_in(field, &first, &token, field);
            for verb in VERBS.iter().filter(|verb| **verb != "destroy").chain(&["destroy"]) {
                let request = Request::post(format!("/do/{verb}")).header("authorization", format!("Bearer {token}"));
                let reply = send(&node.app, request.body(Body::empty()).unwrap()).await;
                assert_only_in(field, &reply, &token, verb);
                if let Some(issued) = reply.header(field).first().filter(|issued| **issued != "!ended") {
                    token = (*issued).to_owned();
                    assert_only_in(field, &reply, &token, verb);
                }
            }
        }
        let node = Node::with_transport(deployment.builder(), either());
        let mut browser = Browser::new(&node.app);
        let reply = browser.post("/login/alice").await.ok();
        assert_only_in("set-cookie", &reply, browser.cookie.as_deref().unwrap(), "a cookie");
    }
}

#[tokio::test]
async fn r06_a_cookie_is_not_read_as_a_bearer_token_nor_the_reverse() {
    for deployment in Deployment::both() {
        let sessions = deployment.builder().build().unwrap();
        let app = |transport| routes().layer(SessionLayer::new(sessions.clone()).transport(transport));
        let by_cookie = app(Transport::cookie(CookieConfig::default()));
        let by_bearer = app(Transport::bearer(TokenHeader::default()));
        let mut browser = Browser::new(&by_cookie);
        browser.post("/login/alice").await.ok();
        let mut client = BearerClient::new(&by_bearer);
        client.post("/login/bob").await.ok();
        let (cookie, token) = (browser.cookie.unwrap(), client.token.unwrap());
        let whoami = async |app: &axum::Router, field: &str, value: String| {
            let request = Request::get("/whoami").header(field, value).body(Body::empty()).unwrap();
            send(app, request).await.ok().body
        };
        assert_eq!(whoami(&by_bearer, "cookie", format!("{COOKIE}={cookie}")).await, "nobody");
        assert_eq!(whoami(&by_cookie, "authorization", format!("Bearer {token}")).await, "nobody");
    }
}

async fn page(session: Session) -> Result<String, SessionError> {
    Ok(session.csrf_token().await?.map_or_else(String::new, |token| token.as_str().to_owned()))
}

async fn pay(session: Session, body: String) -> Result<&'static str, SessionError> {
    session.check_csrf(&body).await?;
    Ok("paid")
}

async fn status_of_payment(node: &Node, browser: &Browser, token: String) -> StatusCode {
    let cookie = format!("{COOKIE}={}", browser.cookie.as_deref().unwrap());
    send(&node.app, Request::post("/pay").header("cookie", cookie).body(Body::from(token)).unwrap()).await.status
}

/// A CSRF token can be masked differently, which yields another token of the same session for a
/// client that already has one.
#[tokio::test]
async fn r50_no_bit_of_a_token_can_be_changed_but_its_mask_can_be_another() {
    for deployment in Deployment::both() {
        let node = Node::with_routes(deployment.builder(), routes().route("/page", any(page)).route("/pay", any(pay)));
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        let token: [u8; 32] = URL_SAFE_NO_PAD.decode(browser.get("/page").await.ok().body).unwrap().try_into().unwrap();
        for bit in 0..256 {
            let mut changed = token;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                status_of_payment(&node, &browser, URL_SAFE_NO_PAD.encode(changed)).await,
                StatusCode::FORBIDDEN,
                "bit {bit}"
            );
            changed[(bit / 8 + 16) % 32] ^= 1 << (bit % 8);
            assert_eq!(
                status_of_payment(&node, &browser, URL_SAFE_NO_PAD.encode(changed)).await,
                StatusCode::OK,
                "mask bit {bit}"
            );
        }
        // The token is rejected for another session of the same user, and after the next rotation.
        let mut other = Browser::new(&node.app);
        other.post("/login/alice").await.ok();
        assert_eq!(status_of_payment(&node, &other, URL_SAFE_NO_PAD.encode(token)).await, StatusCode::FORBIDDEN);
        browser.post("/do/rotate").await.ok();
        assert_eq!(status_of_payment(&node, &browser, URL_SAFE_NO_PAD.encode(token)).await, StatusCode::FORBIDDEN);
    }
}
