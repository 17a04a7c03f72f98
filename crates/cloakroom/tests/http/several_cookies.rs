//! Several cookies of the session's name: values that are not tokens are ignored; two tokens open
//! no session and overwrite nothing.

use axum::Router;
use axum::body::Body;
use cloakroom::{CookieConfig, Key, KeyRing, SessionLayer, Timestamp, TokenHeader, Transport};
use http::header::{AUTHORIZATION, COOKIE as COOKIE_HEADER};
use http::{Request, StatusCode};
use sha2::{Digest, Sha256};

use crate::support::{Browser, COOKIE, Deployment, Node, Reply, VERBS, routes, send, unissued_token};

/// Verbs that change something or may issue a token.
const WRITING_VERBS: [&str; 13] = [
    "update",
    "try-update",
    "update-cached",
    "take",
    "clear",
    "set",
    "remove",
    "invalidate",
    "login",
    "renew",
    "rotate",
    "destroy",
    "remember",
];

async fn ask(app: &Router, path: &str, values: &[&str]) -> Reply {
    let pairs: Vec<_> = values.iter().map(|value| format!("{COOKIE}={value}")).collect();
    send(app, Request::post(path).header(COOKIE_HEADER, pairs.join("; ")).body(Body::empty()).unwrap()).await
}

/// Texts that are not a token in any format.
const NOT_TOKENS: [&str; 6] = ["", "x", "deleted", "\"\"", "a.b", "0123456789012345678901234567890123456789012"];

fn ring() -> KeyRing {
    KeyRing::new(Key::new(1, <[u8; 32]>::from(Sha256::digest(b"one"))).unwrap())
}

fn jwt() -> Transport {
    use cloakroom_jwt::{JwtCodec, JwtKey, JwtKeys};
    let key = JwtKey::hs256("one", Sha256::digest(b"one")).unwrap();
    let codec = JwtCodec::builder("shop", JwtKeys::new(key)).issuer("https://shop.example").audience("shop");
    Transport::default().codec(codec.build().unwrap()).unwrap()
}

/// A node for every token format, with a well-formed token that was never issued.
fn nodes(deployment: &Deployment) -> Vec<(&'static str, Node, String)> {
    let sealed = deployment.builder().keys(ring()).build().unwrap();
    let mixed = SessionLayer::new(sealed.clone()).accept_unsigned_until(Timestamp::MAX);
    let mixed = Node { app: routes().layer(mixed), sessions: sealed.clone() };
    let forged = format!("{}{}", "AQ", "A".repeat(64));
    vec![
        ("plain", deployment.node(), unissued_token(1)),
        ("with a MAC", Node { app: Node::with_sessions(sealed.clone(), routes()), sessions: sealed }, forged),
        ("unsigned where signed ones are issued", mixed, unissued_token(2)),
        ("JWT", Node::with_transport(deployment.builder(), jwt()), "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl".to_owned()),
    ]
}

#[tokio::test]
async fn a_malformed_cookie_beside_the_token_locks_nobody_out() {
    for deployment in Deployment::both() {
        for (format, node, _) in nodes(&deployment) {
            let mut owner = Browser::new(&node.app);
            owner.post("/login/alice").await.ok();
            owner.post("/note/mine").await.ok();
            let token = owner.cookie.clone().unwrap();
            for other in NOT_TOKENS {
                for values in [[other, &token], [&token, other]] {
                    assert_eq!(ask(&node.app, "/note", &values).await.ok().body, "mine", "{format}: {other:?}");
                    ask(&node.app, "/count", &values).await.ok();
                }
                let around = [other, &token, "y", other, &token];
                assert_eq!(ask(&node.app, "/whoami", &around).await.ok().body, "alice", "{format}: {other:?}");
            }
            // A login works beside a malformed cookie.
            let reply = ask(&node.app, "/login/bob", &["x"]).await.ok();
            let issued = reply.new_cookie().unwrap().to_owned();
            assert_eq!(ask(&node.app, "/whoami", &["x", &issued]).await.ok().body, "bob", "{format}");
        }
    }
}

#[tokio::test]
async fn r27_what_has_the_form_of_a_token_is_never_chosen_against_by_its_worth() {
    for deployment in Deployment::both() {
        for (format, node, forged) in nodes(&deployment) {
            let mut owner = Browser::new(&node.app);
            owner.post("/login/alice").await.ok();
            let mut mallory = Browser::new(&node.app);
            mallory.post("/login/mallory").await.ok();
            let (token, planted) = (owner.cookie.clone().unwrap(), mallory.cookie.clone().unwrap());
            for values in [[&token, &planted], [&planted, &token], [&token, &forged], [&forged, &planted]] {
                let values = values.map(String::as_str);
                let reply = ask(&node.app, "/whoami", &values).await.ok();
                assert_eq!((reply.body.as_str(), reply.set_cookie()), ("nobody", None), "{format}");
            }
            // Not even when the visitor's session is over: the planted one must not replace it.
            owner.post("/do/destroy").await.ok();
            assert_eq!(ask(&node.app, "/whoami", &[&token, &planted]).await.ok().body, "nobody", "{format}");
            assert_eq!(mallory.get("/whoami").await.ok().body, "mallory", "{format}");
        }
    }
}

#[tokio::test]
async fn r27_a_write_under_two_tokens_is_refused_and_changes_nothing() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut owner = Browser::new(&node.app);
        owner.post("/login/alice").await.ok();
        owner.post("/note/mine").await.ok();
        let token = owner.cookie.clone().unwrap();
        for other in [unissued_token(3), owner.bare_token() + ".AAAAAAAAAAAAAA"] {
            let values = [token.as_str(), &other];
            let before = deployment.session_count(&node);
            for verb in WRITING_VERBS {
                let reply = ask(&node.app, &format!("/do/{verb}"), &values).await;
                assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{verb}: {}", reply.body);
                assert_eq!(reply.set_cookie(), None, "{verb}");
            }
            for verb in VERBS.iter().filter(|verb| !WRITING_VERBS.contains(verb)) {
                let reply = ask(&node.app, &format!("/do/{verb}"), &values).await.ok();
                assert_eq!(reply.set_cookie(), None, "{verb}");
            }
            assert_eq!(ask(&node.app, "/untouched", &values).await.ok().body, "untouched");
            assert_eq!(deployment.session_count(&node), before);
        }
        assert_eq!(owner.get("/note").await.ok().body, "mine");
    }
}

#[tokio::test]
async fn r29_a_write_with_more_cookies_than_are_read_is_refused_and_a_read_is_nobodys() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut owner = Browser::new(&node.app);
        owner.post("/note/mine").await.ok();
        let token = owner.cookie.clone().unwrap();
        let padding = format!("{}; a={}", token, "x".repeat(16 << 10));
        let many = format!("{token}{}", "; a=b".repeat(180));
        let before = deployment.session_count(&node);
        for value in [padding.as_str(), &many] {
            for verb in WRITING_VERBS {
                let reply = ask(&node.app, &format!("/do/{verb}"), &[value]).await;
                assert_eq!(reply.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "{verb}: {}", reply.body);
                assert_eq!(reply.set_cookie(), None, "{verb}");
            }
            assert_eq!(ask(&node.app, "/note", &[value]).await.ok().body, "nothing");
        }
        assert_eq!(deployment.session_count(&node), before);
        assert_eq!(owner.get("/note").await.ok().body, "mine");
    }
}

#[tokio::test]
async fn a_malformed_cookie_does_not_conflict_with_a_bearer_token() {
    for deployment in Deployment::both() {
        let either = Transport::either(CookieConfig::default(), TokenHeader::default());
        let node = Node::with_transport(deployment.builder(), either.prefer_header());
        let mut client = crate::support::BearerClient::new(&node.app);
        client.post("/login/program").await.ok();
        let bearer = format!("Bearer {}", client.token.clone().unwrap());
        let ask = |cookies: String| {
            let request = Request::get("/whoami").header(COOKIE_HEADER, cookies).header(AUTHORIZATION, &bearer);
            request.body(Body::empty()).unwrap()
        };
        for other in NOT_TOKENS {
            let reply = send(&node.app, ask(format!("{COOKIE}={other}; {COOKIE}=y"))).await.ok();
            assert_eq!(reply.body, "program", "{other:?}");
        }
        assert_eq!(
            send(&node.app, ask(format!("{COOKIE}={}", unissued_token(4)))).await.status,
            StatusCode::BAD_REQUEST
        );
    }
}
