use std::time::Duration;

use cloakroom::Sessions;
use cloakroom_recipes::cart::{Cart, app};
use cloakroom_testkit::{ManualClock, TestClient};

const ORIGIN: &str = "http://localhost:3000";

#[tokio::test]
async fn a_cart_counts_its_products() {
    let client = TestClient::new(&app(Sessions::in_memory())).with_origin(ORIGIN);
    client.post("/cart/lamp").await;
    client.post("/cart/lamp").await;
    let cart: Cart = client.post("/cart/chair").await.json();
    assert_eq!(cart.0, [("chair".to_owned(), 1), ("lamp".to_owned(), 2)].into());
    assert_eq!(client.get("/cart").await.json::<Cart>(), cart);
    client.request(axum::http::Method::DELETE, "/cart").await;
    assert_eq!(client.get("/cart").await.json::<Cart>(), Cart::default());
}

#[tokio::test]
async fn a_visitor_without_a_cart_gets_no_cookie() {
    let client = TestClient::new(&app(Sessions::in_memory())).with_origin(ORIGIN);
    assert_eq!(client.get("/cart").await.header("set-cookie"), None);
}

#[tokio::test]
async fn a_cart_is_gone_after_half_an_hour_without_a_request() {
    let clock = ManualClock::new();
    let sessions = Sessions::builder().clock(clock.clone()).idle_timeout(Duration::from_secs(30 * 60));
    let client = TestClient::new(&app(sessions.build().unwrap())).with_origin(ORIGIN).with_clock(clock.clone());
    client.post("/cart/lamp").await;
    clock.advance(Duration::from_secs(29 * 60));
    assert_ne!(client.get("/cart").await.json::<Cart>(), Cart::default());
    clock.advance(Duration::from_secs(31 * 60));
    assert_eq!(client.get("/cart").await.json::<Cart>(), Cart::default());
}
