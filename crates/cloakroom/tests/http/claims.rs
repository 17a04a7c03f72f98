//! What SECURITY.md claims, varied in what each claim is about, where the other tests of a requirement do not.

use axum::body::Body;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::{CookieConfig, Session, SessionError, SessionLayer, TokenHeader, Transport};
use http::{Request, StatusCode};

use crate::support::{Browser, COOKIE, Deployment, Node, Program, Reply, VERBS, decode, routes, send, spellings};

/// Nothing of a response but the field that brings the token holds any half of it.
fn assert_only_in(field: &str, reply: &Reply, token: &str, what: &str) {
    let mut shown = reply.body.clone().into_bytes();
    for (name, value) in reply.headers.iter().filter(|(name, _)| *name != field) {
        shown.extend_from_slice(name.as_str().as_bytes());
        shown.extend_from_slice(value.as_bytes());
    }
    let bytes = decode(token);
    for spelling in spellings(&bytes[..16]).into_iter().chain(spellings(&bytes[16..])) {
        assert!(!shown.windows(spelling.len()).any(|window| window == spelling), "{what}");
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
                if let Some(given) = reply.header(field).first().filter(|given| **given != "!ended") {
                    token = (*given).to_owned();
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
        let mut program = Program::new(&by_bearer);
        program.post("/login/bob").await.ok();
        let (cookie, token) = (browser.cookie.unwrap(), program.token.unwrap());
        let asks = async |app: &axum::Router, field: &str, value: String| {
            let request = Request::get("/whoami").header(field, value).body(Body::empty()).unwrap();
            send(app, request).await.ok().body
        };
        assert_eq!(asks(&by_bearer, "cookie", format!("{COOKIE}={cookie}")).await, "nobody");
        assert_eq!(asks(&by_cookie, "authorization", format!("Bearer {token}")).await, "nobody");
    }
}

async fn page(session: Session) -> Result<String, SessionError> {
    Ok(session.csrf_token().await?.map_or_else(String::new, |token| token.as_str().to_owned()))
}

async fn pay(session: Session, body: String) -> Result<&'static str, SessionError> {
    session.check_csrf(&body).await?;
    Ok("paid")
}

async fn pays(node: &Node, browser: &Browser, token: String) -> StatusCode {
    let cookie = format!("{COOKIE}={}", browser.cookie.as_deref().unwrap());
    send(&node.app, Request::post("/pay").header("cookie", cookie).body(Body::from(token)).unwrap()).await.status
}

/// What is masked may be masked in another way: that makes another token of the same session out of one that its holder
/// has already.
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
                pays(&node, &browser, URL_SAFE_NO_PAD.encode(changed)).await,
                StatusCode::FORBIDDEN,
                "bit {bit}"
            );
            changed[(bit / 8 + 16) % 32] ^= 1 << (bit % 8);
            assert_eq!(pays(&node, &browser, URL_SAFE_NO_PAD.encode(changed)).await, StatusCode::OK, "mask bit {bit}");
        }
        // Neither another session of the same user nor the same session under its next secret takes it.
        let mut other = Browser::new(&node.app);
        other.post("/login/alice").await.ok();
        assert_eq!(pays(&node, &other, URL_SAFE_NO_PAD.encode(token)).await, StatusCode::FORBIDDEN);
        browser.post("/do/rotate").await.ok();
        assert_eq!(pays(&node, &browser, URL_SAFE_NO_PAD.encode(token)).await, StatusCode::FORBIDDEN);
    }
}
