//! What the project promises to curl, to the letter.

use crate::support::{ANY, Open};

#[tokio::test]
async fn the_curl_transcript_works_as_printed() {
    let open = Open::new().await;
    let curl = open.visitor(ANY);

    let added = curl.post("/cart/add/item123", &[]).await;
    assert_eq!((added.status.as_u16(), added.body.as_str()), (200, "Added item item123 to cart"));
    let cookie = added.cookie().expect("a cookie named session");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");

    let cart = curl.get("/cart").await;
    assert_eq!(cart.body, r#"Cart: ["Item item123: Widget (Qty: 1)"]"#);
    assert_eq!(cart.cookie(), None, "the token did not change");
}

#[tokio::test]
async fn reading_an_empty_cart_creates_no_session() {
    let open = Open::new().await;
    let reply = open.visitor(ANY).get("/cart").await;
    assert_eq!(reply.body, "Cart: []");
    assert_eq!(reply.cookie(), None);
    assert_eq!(open.shop.sessions().stats().created, 0);
}
