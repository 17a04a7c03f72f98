//! Sign-ins that succeed.

use cloakroom_openid_connect::ResponseMode;
use http::{Method, StatusCode};

use crate::browser::Navigation;
use crate::site::Site;

#[tokio::test]
async fn a_visitor_signs_in_and_returns_to_the_page() {
    for site in [Site::in_memory(ResponseMode::Query).await, Site::on_two_nodes(ResponseMode::Query).await] {
        let mut browser = site.browser();
        let page = browser.visit("/account?tab=2").await;
        assert_eq!((page.status, page.body.as_str()), (StatusCode::OK, "The account of Ada."));
        assert_eq!(page.of.address.as_str(), "http://shop.example/account?tab=2");
        assert_eq!(browser.visit("/").await.body, "Hello, Ada.");
        assert_eq!(site.signed_in().await, 1);
    }
}

#[tokio::test]
async fn the_token_from_before_the_sign_in_opens_nothing_afterwards() {
    let site = Site::in_memory(ResponseMode::Query).await;
    let mut browser = site.browser();
    let callback = browser.sign_in_until_callback("/sign-in").await;
    let mut planted = browser.clone();
    browser.send(callback).await;
    assert_ne!(browser.cookie, planted.cookie);
    assert_eq!(planted.visit("/").await.body, "Nobody is signed in.");
}

#[tokio::test]
async fn the_callback_may_arrive_at_another_node() {
    let site = Site::on_two_nodes(ResponseMode::Query).await;
    let mut browser = site.browser();
    let callback = browser.sign_in_until_callback("/sign-in").await;
    let mut other = crate::browser::Browser::new(&site.nodes[1], &site.provider.router());
    other.cookie = browser.cookie;
    assert_eq!(other.send(callback).await.status, StatusCode::SEE_OTHER);
    assert_eq!(other.visit("/").await.body, "Hello, Ada.");
}

#[tokio::test]
async fn a_provider_that_posts_back_signs_in_although_its_request_has_no_cookie() {
    for site in [Site::in_memory(ResponseMode::FormPost).await, Site::on_two_nodes(ResponseMode::FormPost).await] {
        let mut browser = site.browser();
        let post = browser.sign_in_until_callback("/account").await;
        assert_eq!((&post.method, post.initiator.as_deref()), (&Method::POST, Some("127.0.0.1")));
        let before = browser.cookie.clone();
        assert!(before.is_some());

        let forwarded = browser.send(post).await;
        assert!(!forwarded.had_cookie, "`SameSite=Lax`");
        assert_eq!(forwarded.header("set-cookie"), None, "the visitor's cookie is not overwritten");
        assert_eq!(browser.cookie, before);
        assert_eq!(forwarded.header("cache-control"), Some("no-store"));
        assert_eq!(forwarded.header("referrer-policy"), Some("no-referrer"));

        let get = forwarded.next().unwrap();
        assert_eq!(get.method, Method::GET);
        let signed_in = browser.send(get).await;
        assert!(signed_in.had_cookie);
        let page = browser.send(signed_in.next().unwrap()).await;
        assert_eq!((page.status, page.body.as_str()), (StatusCode::OK, "The account of Ada."));
    }
}

#[tokio::test]
async fn a_link_to_the_sign_in_leads_to_no_other_site() {
    let site = Site::in_memory(ResponseMode::Query).await;
    let mut browser = site.browser();
    let page = browser.visit("/sign-in?next=//evil.example/").await;
    assert_eq!(page.of.address.as_str(), "http://shop.example/");
    assert_eq!(page.body, "Hello, Ada.");
}

#[tokio::test]
async fn a_visitor_who_signs_out_is_asked_again() {
    let site = Site::in_memory(ResponseMode::Query).await;
    let mut browser = site.browser();
    browser.visit("/account").await;
    browser.send(Navigation { method: Method::POST, ..Navigation::typed("/sign-out") }).await;
    assert_eq!((browser.cookie.as_ref(), site.signed_in().await), (None, 0));
    assert_eq!(browser.visit("/account").await.body, "The account of Ada.");
    assert_eq!(site.provider.exchanges(), 2);
}
