//! R24, R28: the attributes of the cookie, and the responses that set one.

use cloakroom::{CookieConfig, SessionLayer};

use crate::support::{Browser, Deployment, Node, VERBS, routes, send, with_cookie};

#[tokio::test]
async fn r24_the_default_cookie_is_locked_to_the_host_and_out_of_reach_of_scripts() {
    let node = Deployment::local().node();
    let mut browser = Browser::new(&node.app);
    let reply = browser.post("/note/mine").await.ok();
    let field = reply.set_cookie().unwrap();
    let token = browser.bare_token();
    assert_eq!(token.len(), 43);
    assert_eq!(field, format!("__Host-session={token}; Path=/; Secure; HttpOnly; SameSite=Lax"));
    let reply = browser.post("/do/destroy").await.ok();
    let removal =
        "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(reply.set_cookie(), Some(removal));
}

#[tokio::test]
async fn r24_a_development_cookie_and_a_production_one_are_never_taken_for_each_other() {
    let deployment = Deployment::local();
    let node = deployment.node();
    let development = SessionLayer::new(node.sessions.clone()).cookie(CookieConfig::insecure_for_localhost());
    let development = routes().layer(development);
    let mut browser = Browser::new(&node.app);
    browser.post("/login/alice").await.ok();
    let value = browser.cookie.unwrap();
    let as_development = format!("session={value}");
    let as_production = format!("__Host-session={value}");
    for (app, field, expected) in [
        (&node.app, &as_production, "alice"),
        (&node.app, &as_development, "nobody"),
        (&development, &as_development, "alice"),
        (&development, &as_production, "nobody"),
    ] {
        assert_eq!(send(app, with_cookie("/whoami", field.as_bytes())).await.ok().body, expected, "{field}");
    }
}

#[tokio::test]
async fn r24_the_development_cookie_is_still_out_of_reach_of_scripts() {
    let node = Deployment::local().node();
    let layer = SessionLayer::new(node.sessions).cookie(CookieConfig::insecure_for_localhost());
    let reply = send(&routes().layer(layer), with_cookie("/note/mine", b"")).await.ok();
    let (pair, attributes) = reply.set_cookie().unwrap().split_once("; ").unwrap();
    assert_eq!(pair.strip_prefix("session=").unwrap().len(), 43);
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
}

#[tokio::test]
async fn a_response_sets_a_cookie_only_when_the_token_changes() {
    let changing = ["login", "renew", "rotate", "remember", "destroy"];
    let node = Deployment::local().node();
    for verb in VERBS {
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let before = browser.bare_token();
        let reply = browser.post(&format!("/do/{verb}")).await.ok();
        assert_eq!(reply.set_cookie().is_some(), changing.contains(&verb), "{verb}");
        let same = browser.cookie.as_deref() == Some(&*before);
        assert_eq!(same, !["login", "renew", "rotate", "destroy"].contains(&verb), "{verb}");
    }
}

#[tokio::test]
async fn with_a_store_a_cookie_is_set_again_only_for_a_newer_version() {
    let [first, second] = Deployment::shared().nodes();
    let mut browser = Browser::new(&first.app);
    browser.post("/note/mine").await.ok();
    for path in ["/note", "/whoami", "/untouched", "/do/get"] {
        let reply = browser.get(path).await.ok();
        assert_eq!(reply.set_cookie(), None, "{path}");
        let from_second = browser.at(&second.app).get(path).await.ok();
        assert_eq!(from_second.set_cookie(), None, "{path}");
    }
    let written = browser.post("/count").await.ok();
    assert!(written.set_cookie().is_some(), "the client needs the hint of its own write");
}

#[tokio::test]
async fn r28_every_cookie_is_far_smaller_than_what_browsers_drop() {
    for deployment in Deployment::both() {
        let node: Node = deployment.node();
        let mut browser = Browser::new(&node.app);
        for path in ["/note/mine", "/do/update", "/login/alice", "/do/renew", "/do/remember", "/do/destroy"] {
            let reply = browser.post(path).await.ok();
            assert!(reply.set_cookie().is_none_or(|field| field.len() < 256), "{path}: {reply:?}");
        }
    }
}
