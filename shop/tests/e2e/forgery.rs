//! Requests that other sites send in a visitor's name.

use reqwest::Method;

use crate::support::{ANY, Open};

const SIGN_IN: &str = "name=alice&password=alice-demo";

#[tokio::test]
async fn r49_forms_of_other_sites_are_refused_with_a_page() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "something-new"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let reply = alice.send(Method::POST, "/cart/add/gloves", &[(name, value)], None).await;
        reply.assert(403, "Sent from somewhere else");
    }
    alice.get("/cart").await.assert(200, "Nothing on your pegs yet.");
}

#[tokio::test]
async fn r49_a_change_in_the_name_of_a_cookie_must_say_which_site_it_came_from() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    let cookie = format!("session={}", alice.token().expect("a token"));
    let client = crate::support::http_client();
    let add = || client.post(format!("{}/cart/add/gloves", open.site));
    let refused = add().header("cookie", &cookie).send().await.expect("an answer");
    assert_eq!(refused.status().as_u16(), 403);
    let text = refused.text().await.expect("a body");
    assert!(text.contains("add the header `Sec-Fetch-Site: none`"), "{text}");
    alice.get("/cart").await.assert(200, "Nothing on your pegs yet.");
    let added = add().header("cookie", &cookie).header("sec-fetch-site", "none").send().await.expect("an answer");
    assert_eq!(added.status().as_u16(), 200);
    assert_eq!(add().send().await.expect("an answer").status().as_u16(), 200, "a program without a cookie");
}

#[tokio::test]
async fn r49_our_own_forms_pass() {
    let open = Open::new().await;
    let browser = open.browser();
    for headers in [[("sec-fetch-site", "same-origin")], [("sec-fetch-site", "none")], [("origin", open.site.as_str())]]
    {
        let reply = browser.send(Method::POST, "/cart/add/gloves", &headers, None).await;
        assert_eq!(reply.status.as_u16(), 303, "{headers:?}");
    }
}

#[tokio::test]
async fn r52_a_sign_in_from_another_site_is_refused_without_any_session() {
    let open = Open::new().await;
    let browser = open.browser();
    let headers = [("sec-fetch-site", "cross-site")];
    let reply = browser.send(Method::POST, "/login", &headers, Some(SIGN_IN.to_owned())).await;
    reply.assert(403, "Sent from somewhere else");
    assert_eq!((browser.token(), open.shop.sessions().stats().logins), (None, 0));
}

#[tokio::test]
async fn r51_the_stream_is_not_for_other_sites() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    let reply = alice.send(Method::GET, "/live", &[("sec-fetch-site", "cross-site")], None).await;
    assert_eq!(reply.status.as_u16(), 403);
}

#[tokio::test]
async fn curl_gets_the_refusal_as_text() {
    let open = Open::new().await;
    let reply = open.visitor(ANY).send(Method::POST, "/logout", &[("origin", "https://evil.example")], None).await;
    assert_eq!(reply.body, "Refused: this request was sent by another site");
}
