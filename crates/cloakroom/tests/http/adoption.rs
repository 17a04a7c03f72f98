//! R04, R06: an id that the server did not issue is never adopted, and ids travel in the cookie only.

use axum::body::Body;
use http::header::{AUTHORIZATION, COOKIE as COOKIE_HEADER, SET_COOKIE};
use http::{Method, Request};

use crate::support::{Browser, CREATING, Deployment, Reply, VERBS, decode, invented, send, spellings, ticket};

#[tokio::test]
async fn r04_no_verb_adopts_a_token_that_the_server_did_not_issue() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        for (number, verb) in VERBS.iter().enumerate() {
            let presented = invented(number as u64);
            let mut attacker = Browser::holding(&node.app, presented.clone());
            let reply = attacker.post(&format!("/do/{verb}")).await;
            assert_eq!(reply.given().is_some(), CREATING.contains(verb), "{verb}: {reply:?}");
            if let Some(given) = reply.given() {
                assert_ne!(decode(given)[..16], decode(&presented)[..16], "{verb} adopted the tag");
                assert_ne!(decode(given)[16..], decode(&presented)[16..], "{verb} adopted the secret");
            }
            assert_nothing_under(&deployment, &node, &presented, verb).await;
        }
    }
}

async fn assert_nothing_under(deployment: &Deployment, node: &crate::support::Node, presented: &str, verb: &str) {
    let mut again = Browser::holding(&node.app, presented);
    assert_eq!(again.get("/whoami").await.ok().body, "nobody", "{verb}");
    assert_eq!(again.get("/note").await.ok().body, "nothing", "{verb}");
    if let Some(store) = &deployment.store {
        let selector = &decode(presented)[..16];
        assert!(!store.dump().windows(16).any(|window| window == selector), "{verb} stored the tag");
    }
}

#[tokio::test]
async fn r04_no_verb_adopts_a_known_tag_with_another_secret() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut victim = Browser::new(&node.app);
        victim.post("/login/victim").await.ok();
        victim.post("/note/private").await.ok();
        let mut forged = decode(&victim.ticket());
        forged[16..].fill(9);
        let presented = crate::support::canonical(&forged);
        for verb in VERBS {
            let reply = Browser::holding(&node.app, presented.clone()).post(&format!("/do/{verb}")).await;
            let given = reply.given().map(decode);
            assert!(given.is_none_or(|given| given[..16] != forged[..16]), "{verb} opened the victim's session");
            assert_nothing_for(&node, &presented, verb).await;
            assert_eq!(victim.get("/whoami").await.ok().body, "victim", "{verb}");
            assert_eq!(victim.get("/note").await.ok().body, "private", "{verb}");
        }
    }
}

async fn assert_nothing_for(node: &crate::support::Node, presented: &str, verb: &str) {
    let mut again = Browser::holding(&node.app, presented);
    assert_eq!(again.get("/whoami").await.ok().body, "nobody", "{verb}");
    assert_eq!(again.get("/note").await.ok().body, "nothing", "{verb}");
}

#[tokio::test]
async fn reading_never_creates_a_session() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        for verb in VERBS.iter().filter(|verb| !CREATING.contains(verb)) {
            let reply = Browser::new(&node.app).post(&format!("/do/{verb}")).await;
            assert_eq!(reply.set_cookie(), None, "{verb}");
        }
        for path in ["/untouched", "/note", "/count", "/whoami", "/do/extract", "/do/extract-option"] {
            assert_eq!(Browser::new(&node.app).get(path).await.ok().set_cookie(), None, "{path}");
        }
        assert_eq!(deployment.population(&node), 0);
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
            let held = browser.ticket();
            let reply = browser.post(&format!("/do/{verb}")).await;
            let tokens =
                [Some(held), reply.given().filter(|given| !given.is_empty()).map(|given| ticket(given).to_owned())];
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
        for spelling in spellings(half) {
            assert!(!bytes.windows(spelling.len()).any(|window| window == spelling), "{verb} told half of the token");
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
