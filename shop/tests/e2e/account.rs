//! Signing in and out, and passwords.

use crate::support::{ANY, Open};

#[tokio::test]
async fn a_sign_in_changes_the_token_keeps_the_cart_and_kills_the_old_token() {
    let open = Open::new().await;
    let browser = open.browser();
    browser.post("/cart/add/gloves", &[]).await;
    let before = browser.token();
    let reply = browser.post("/login", &[("name", "alice"), ("password", "alice-demo"), ("next", "cart")]).await;
    assert_eq!((reply.status.as_u16(), reply.location()), (303, "/cart"));
    assert_ne!(browser.token(), before, "R07: a login yields a new token");
    browser.get("/cart").await.assert(200, "Gloves").assert(200, "Alice Archer");
    let thief = open.visitor(ANY);
    thief.take_token(before);
    assert_eq!(thief.get("/cart").await.body, "Cart: []", "the old token opens nothing");
}

#[tokio::test]
async fn wrong_name_and_wrong_password_get_the_same_answer() {
    let open = Open::new().await;
    let answers = [("alice", "wrong"), ("nobody", "wrong")].map(|(name, password)| {
        let curl = open.visitor(ANY);
        async move { curl.post("/login", &[("name", name), ("password", password)]).await }
    });
    for answer in answers {
        let answer = answer.await;
        assert_eq!(answer.body, "This name and password do not belong together");
        assert_eq!((answer.status.as_u16(), answer.cookie()), (401, None));
    }
}

#[tokio::test]
async fn a_failed_sign_in_shows_the_form_again_with_the_name() {
    let open = Open::new().await;
    let reply = open.browser().post("/login", &[("name", "alice"), ("password", "wrong")]).await;
    reply.assert(401, "do not belong together").assert(401, r#"value="alice""#).assert(401, r#"role="alert""#);
}

#[tokio::test]
async fn guessing_ends_after_ten_attempts() {
    let open = Open::new().await;
    let curl = open.visitor(ANY);
    for turn in 0..10 {
        // The name in another spelling is the same account.
        let name = ["bob", "Bob", "BOB"][turn % 3];
        curl.post("/login", &[("name", name), ("password", "guess")]).await.assert(401, "");
    }
    let refused = curl.post("/login", &[("name", "bob"), ("password", "bob-demo")]).await;
    refused.assert(429, "Too many attempts");
    assert_eq!(refused.header("retry-after"), Some("60"));
    open.signed_in("alice").await;
}

#[tokio::test]
async fn a_correct_password_restores_the_attempts() {
    let open = Open::new().await;
    let curl = open.visitor(ANY);
    for _ in 0..2 {
        for _ in 0..9 {
            curl.post("/login", &[("name", "bob"), ("password", "guess")]).await.assert(401, "");
        }
        curl.post("/login", &[("name", "bob"), ("password", "bob-demo")]).await.assert(200, "Signed in");
    }
}

#[tokio::test]
async fn after_a_sign_out_the_token_is_dead_and_the_cart_waits_for_the_next_sign_in() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    alice.post("/cart/add/lantern", &[]).await;
    let token = alice.token();
    let reply = alice.post("/logout", &[]).await;
    assert_eq!((reply.status.as_u16(), reply.location()), (303, "/login?signed_out"));
    assert!(reply.cookie().is_some_and(|cookie| cookie.contains("Max-Age=0")), "R17: the browser forgets it");
    alice.get("/login?signed_out").await.assert(200, "You are signed out.");
    let thief = open.visitor(ANY);
    thief.take_token(token);
    assert_eq!(thief.get("/cart").await.body, "Cart: []", "R17: the record is gone");

    alice.post("/cart/add/lantern", &[]).await;
    alice.sign_in("alice").await;
    let cart = alice.get("/cart").await;
    cart.assert(200, r#"name="quantity" value="2""#);
    open.signed_in("alice").await.get("/cart").await.assert(200, "Nothing on your pegs yet.");
}

#[tokio::test]
async fn remembered_users_get_a_cookie_that_outlives_the_browser() {
    let open = Open::new().await;
    let fields = [("name", "alice"), ("password", "alice-demo"), ("remember", "yes")];
    let cookie = open.browser().post("/login", &fields).await.cookie().expect("a cookie");
    assert!(cookie.contains("Max-Age=2592000") || cookie.contains("Max-Age=2591999"), "{cookie}");
    let cookie = open.browser().post("/login", &fields[..2]).await.cookie().expect("a cookie");
    assert!(!cookie.contains("Max-Age"), "{cookie}");
}

#[tokio::test]
async fn a_password_change_ends_all_other_sessions_and_renews_this_one() {
    let open = Open::new().await;
    let (here, there, elsewhere) =
        (open.signed_in("alice").await, open.signed_in("alice").await, open.signed_in("alice").await);
    here.post("/cart/add/gloves", &[]).await;
    let before = here.token();
    let fields = [("current", "alice-demo"), ("new", "a whole sentence")];
    here.post("/password", &fields).await.assert(200, "Other sessions ended: 2.");
    assert_ne!(here.token(), before, "R21: this session survives with a new token");
    here.get("/cart").await.assert(200, "Gloves").assert(200, "Alice Archer");
    for other in [there, elsewhere] {
        assert_eq!(other.get("/devices").await.location(), "/login?next=devices");
    }
    let curl = open.visitor(ANY);
    curl.post("/login", &[("name", "alice"), ("password", "alice-demo")]).await.assert(401, "");
    curl.post("/login", &[("name", "alice"), ("password", "a whole sentence")]).await.assert(200, "Signed in");
}

#[tokio::test]
async fn a_password_change_needs_the_present_one_and_a_long_one() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    alice
        .post("/password", &[("current", "guess"), ("new", "long enough")])
        .await
        .assert(401, "not your present password");
    alice.post("/password", &[("current", "alice-demo"), ("new", "short")]).await.assert(400, r#"role="alert""#);
    open.signed_in("alice").await;
}

#[tokio::test]
async fn the_way_back_after_a_sign_in_is_never_an_address_from_outside() {
    let open = Open::new().await;
    for next in ["https://evil.example", "//evil.example", "/devices", "devices&next=x"] {
        let fields = [("name", "alice"), ("password", "alice-demo"), ("next", next)];
        let reply = open.browser().post("/login", &fields).await;
        assert!(["", "/", "/devices"].contains(&reply.location()), "{next} leads to {}", reply.location());
    }
}
