//! R04, R06: a token that the server did not issue is never adopted, and tokens travel only in the
//! cookie.

use axum::body::Body;
use http::header::{AUTHORIZATION, COOKIE as COOKIE_HEADER, SET_COOKIE};
use http::{Method, Request};

use crate::support::{
    Browser, CREATING_VERBS, Deployment, Reply, VERBS, bare_token, decode, encodings, send, unissued_token,
};

#[tokio::test]
async fn r04_no_verb_adopts_a_token_that_the_server_did_not_issue() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        for (number, verb) in VERBS.iter().enumerate() {
            let presented = unissued_token(number as u64);
            let mut attacker = Browser::holding(&node.app, presented.clone());
            let reply = attacker.post(&format!("/do/{verb}")).await;
            assert_eq!(reply.new_cookie().is_some(), CREATING_VERBS.contains(verb), "{verb}: {reply:?}");
            if let Some(issued) = reply.new_cookie() {
                assert_ne!(decode(issued)[..16], decode(&presented)[..16], "{verb} adopted the selector");
                assert_ne!(decode(issued)[16..], decode(&presented)[16..], "{verb} adopted the secret");
            }
            assert_token_opens_nothing(&deployment, &node, &presented, verb).await;
        }
    }
}

async fn assert_token_opens_nothing(deployment: &Deployment, node: &crate::support::Node, presented: &str, verb: &str) {
    let mut attacker = Browser::holding(&node.app, presented);
    assert_eq!(attacker.get("/whoami").await.ok().body, "nobody", "{verb}");
    assert_eq!(attacker.get("/note").await.ok().body, "nothing", "{verb}");
    if let Some(store) = &deployment.store {
        let selector = &decode(presented)[..16];
        assert!(!store.dump().windows(16).any(|window| window == selector), "{verb} stored the selector");
    }
}

#[tokio::test]
async fn r04_no_verb_adopts_a_known_tag_with_another_secret() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut victim = Browser::new(&node.app);
        victim.post("/login/victim").await.ok();
        victim.post("/note/private").await.ok();
        let mut forged = decode(&victim.bare_token());
        forged[16..].fill(9);
        let presented = crate::support::canonical(&forged);
        for verb in VERBS {
            let reply = Browser::holding(&node.app, presented.clone()).post(&format!("/do/{verb}")).await;
            let issued = reply.new_cookie().map(decode);
            assert!(issued.is_none_or(|issued| issued[..16] != forged[..16]), "{verb} opened the victim's session");
            assert_token_reads_nothing(&node, &presented, verb).await;
            assert_eq!(victim.get("/whoami").await.ok().body, "victim", "{verb}");
            assert_eq!(victim.get("/note").await.ok().body, "private", "{verb}");
        }
    }
}

async fn assert_token_reads_nothing(node: &crate::support::Node, presented: &str, verb: &str) {
    let mut attacker = Browser::holding(&node.app, presented);
    assert_eq!(attacker.get("/whoami").await.ok().body, "nobody", "{verb}");
    assert_eq!(attacker.get("/note").await.ok().body, "nothing", "{verb}");
}

#[tokio::test]
async fn reading_never_creates_a_session() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        for verb in VERBS.iter().filter(|verb| !CREATING_VERBS.contains(verb)) {
            let reply = Browser::new(&node.app).post(&format!("/do/{verb}")).await;
            assert_eq!(reply.set_cookie(), None, "{verb}");
        }
        for path in ["/untouched", "/note", "/count", "/whoami", "/do/extract", "/do/extract-option"] {
            assert_eq!(Browser::new(&node.app).get(path).await.ok().set_cookie(), None, "{path}");
        }
        assert_eq!(deployment.session_count(&node), 0);
        assert_eq!(node.sessions.stats().created, 0);
    }
}

#[tokio::test]
async fn r06_no_response_carries_the_token_outside_of_set_cookie() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        for verb in VERBS.iter().filter(|verb| **verb != "destroy").chain(&["destroy"]) {
            let current = browser.bare_token();
            let reply = browser.post(&format!("/do/{verb}")).await;
            let tokens = [
                Some(current),
                reply.new_cookie().filter(|issued| !issued.is_empty()).map(|issued| bare_token(issued).to_owned()),
            ];
            for token in tokens.iter().flatten() {
                assert_absent(&reply, &decode(token), verb);
            }
        }
    }
}

fn assert_absent(reply: &Reply, token: &[u8; 32], verb: &str) {
    let mut bytes = reply.body.clone().into_bytes();
    for (name, value) in reply.headers.iter().filter(|(name, _)| **name != SET_COOKIE) {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    for half in [&token[..16], &token[16..]] {
        for encoding in encodings(half) {
            assert!(
                !bytes.windows(encoding.len()).any(|window| window == encoding),
                "{verb} exposes half of the token"
            );
        }
    }
}

#[tokio::test]
async fn r06_a_token_in_the_url_the_body_or_another_header_opens_nothing() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut owner = Browser::new(&node.app);
        owner.post("/login/alice").await.ok();
        let value = owner.cookie.clone().unwrap();
        let bare = Request::builder().method(Method::POST);
        let attempts = [
            bare.uri(format!("/whoami?__Host-session={value}&session={value}&id={value}")).body(Body::empty()),
            Request::builder().method(Method::POST).uri("/whoami").body(Body::from(format!("__Host-session={value}"))),
            Request::builder().uri("/whoami").header(AUTHORIZATION, format!("Bearer {value}")).body(Body::empty()),
            Request::builder().uri("/whoami").header("x-session", &value).body(Body::empty()),
            Request::builder().uri("/whoami").header(SET_COOKIE, format!("__Host-session={value}")).body(Body::empty()),
            Request::builder().uri("/whoami").header("cookie2", format!("__Host-session={value}")).body(Body::empty()),
        ];
        for request in attempts {
            assert_eq!(send(&node.app, request.unwrap()).await.ok().body, "nobody");
        }
    }
}

#[tokio::test]
async fn r30_a_bearer_token_never_mixes_with_the_cookie() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut alice = Browser::new(&node.app);
        alice.post("/login/alice").await.ok();
        let mut bob = Browser::new(&node.app);
        bob.post("/login/bob").await.ok();
        let request = Request::builder()
            .uri("/whoami")
            .header(COOKIE_HEADER, format!("__Host-session={}", alice.cookie.unwrap()))
            .header(AUTHORIZATION, format!("Bearer {}", bob.cookie.unwrap()));
        assert_eq!(send(&node.app, request.body(Body::empty()).unwrap()).await.ok().body, "alice");
    }
}
