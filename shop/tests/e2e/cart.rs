//! Filling and emptying the cart, alone and all at once.

use std::sync::Arc;

use crate::support::{ANY, JSON, Open};

#[tokio::test]
async fn quantities_change_and_items_leave() {
    let open = Open::new().await;
    let curl = open.visitor(ANY);
    curl.post("/cart/add/umbrella", &[]).await;
    curl.post("/cart/set/umbrella", &[("quantity", "7")]).await.assert(200, "Item umbrella in cart: 7");
    curl.post("/cart/add/lantern", &[]).await;
    curl.get("/cart").await.assert(200, r#"["Item lantern: Lantern (Qty: 1)", "Item umbrella: Umbrella (Qty: 7)"]"#);
    curl.post("/cart/remove/umbrella", &[]).await.assert(200, "Removed item umbrella from cart");
    curl.post("/cart/set/lantern", &[("quantity", "0")]).await.assert(200, "Removed item lantern from cart");
    assert_eq!(curl.get("/cart").await.body, "Cart: []");
}

#[tokio::test]
async fn a_browser_is_brought_to_its_cart_after_a_form() {
    let open = Open::new().await;
    let browser = open.browser();
    let added = browser.post("/cart/add/umbrella", &[]).await;
    assert_eq!((added.status.as_u16(), added.location()), (303, "/cart?added=umbrella"));
    let cart = browser.get("/cart?added=umbrella").await;
    cart.assert(200, "Umbrella is in your cart.").assert(200, "€34.00").assert(200, r#"<span class="count">1</span>"#);
}

#[tokio::test]
async fn without_script_a_browser_is_brought_back_to_the_place_of_the_button() {
    let open = Open::new().await;
    let browser = open.browser();
    let home = browser.get("/").await;
    // What the form of the card sends.
    home.assert(200, r#"name="back" value="/#all-umbrella""#);
    let added = browser.post("/cart/add/umbrella", &[("back", "/%23all-umbrella")]).await;
    assert_eq!((added.status.as_u16(), added.location()), (303, "/?added=all-umbrella#all-umbrella"));
    let page = browser.get("/?added=all-umbrella").await;
    let (before, after) = page.body.split_once(r#"<li class="card" id="all-umbrella""#).expect("the anchor");
    let card = after.split("</li>").next().expect("the card");
    assert!(card.contains(r#"role="status">Umbrella is in your cart."#), "{card}");
    assert!(!before.contains("is in your cart.</p>") && page.body.matches(r#"class="added""#).count() == 1);
    for outside in ["https://evil.example", "//evil.example", "/live"] {
        assert_eq!(browser.post("/cart/add/umbrella", &[("back", outside)]).await.location(), "/");
    }
}

#[tokio::test]
async fn programs_get_json() {
    let open = Open::new().await;
    let program = open.visitor(JSON);
    assert_eq!(program.post("/cart/add/gloves", &[]).await.json()["quantity"], 1);
    assert_eq!(program.post("/cart/add/gloves", &[]).await.json()["quantity"], 2);
    let cart = program.get("/cart").await.json();
    assert_eq!((&cart[0]["product"]["name"], &cart[0]["quantity"]), (&"Gloves".into(), &2.into()));
}

#[tokio::test]
async fn bad_quantities_name_the_field_and_change_nothing() {
    let open = Open::new().await;
    let curl = open.visitor(ANY);
    curl.post("/cart/add/gloves", &[]).await;
    for quantity in ["-1", "10000", "many", "", "99999999999999999999"] {
        let reply = curl.post("/cart/set/gloves", &[("quantity", quantity)]).await;
        reply.assert(400, "quantity must be a whole number from 0 to 9999");
    }
    assert_eq!(curl.get("/cart").await.body, r#"Cart: ["Item gloves: Gloves (Qty: 1)"]"#);
}

#[tokio::test]
async fn removing_from_no_cart_creates_no_session() {
    let open = Open::new().await;
    let reply = open.visitor(ANY).post("/cart/remove/gloves", &[]).await;
    reply.assert(200, "Removed item gloves from cart");
    assert_eq!(reply.cookie(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_increments_of_one_session_are_ten_thousand() {
    const AT_ONCE: usize = 64;
    const INCREMENTS: usize = 10_000;
    let open = Open::new().await;
    let first = open.visitor(ANY);
    first.post("/cart/add/item123", &[]).await;
    let left = Arc::new(std::sync::atomic::AtomicUsize::new(INCREMENTS - 1));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, left) = (open.visitor(ANY), Arc::clone(&left));
        client.take_token(first.token());
        clients.spawn(async move {
            let take = |left: usize| left.checked_sub(1);
            while left
                .fetch_update(std::sync::atomic::Ordering::Relaxed, std::sync::atomic::Ordering::Relaxed, take)
                .is_ok()
            {
                client.post("/cart/add/item123", &[]).await.assert(200, "Added");
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.expect("every client gets all its answers");
    }
    first.get("/cart").await.assert(200, "(Qty: 10000)");
}
