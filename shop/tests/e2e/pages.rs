//! Every page in every state, as a browser gets it.

use crate::support::Open;

#[tokio::test]
async fn the_shop_window_shows_everything_and_costs_nothing() {
    let open = Open::new().await;
    let home = open.browser().get("/").await;
    home.assert(200, "Everything we have").assert(200, "Widget").assert(200, "Sold out");
    assert!(!home.body.contains("Recently viewed"), "nothing was viewed yet");
    assert_eq!(home.cookie(), None, "a look creates no session");
}

#[tokio::test]
async fn every_product_has_a_page_and_a_drawing() {
    let open = Open::new().await;
    let (browser, program) = (open.browser(), open.visitor("application/json"));
    let art = browser.get("/static/art.svg").await.body;
    let products = program.get("/").await.json();
    let products = products.as_array().expect("a list");
    assert_eq!(products.len(), 14);
    for product in products {
        let id = product["id"].as_str().expect("an id");
        browser.get(&format!("/items/{id}")).await.assert(200, product["name"].as_str().expect("a name"));
        assert!(art.contains(&format!(r#"id="{id}""#)), "{id} has no drawing");
    }
}

#[tokio::test]
async fn what_was_viewed_comes_back_with_recommendations() {
    let open = Open::new().await;
    let browser = open.browser();
    browser.get("/items/umbrella").await;
    let home = browser.get("/").await;
    home.assert(200, "Recently viewed").assert(200, "You may also need");
    let (recommended, rest) = home.body.split_once("Recently viewed").expect("two shelves");
    assert!(recommended.contains("Rain hat"), "what goes with an umbrella");
    assert!(rest.contains("Umbrella"));
}

#[tokio::test]
async fn a_guests_history_becomes_the_users() {
    let open = Open::new().await;
    let browser = open.browser();
    browser.get("/items/rucksack").await;
    browser.sign_in("alice").await;
    let home = browser.get("/").await;
    let recent = home.body.split_once("Recently viewed").expect("a shelf").1;
    let recent = recent.split_once("Everything we have").expect("the next shelf").0;
    let names = ["Rucksack", "Doormat", "Wool scarf", "Umbrella"];
    let at: Vec<_> =
        names.iter().map(|name| recent.find(name).unwrap_or_else(|| panic!("{name} is missing"))).collect();
    assert!(at.is_sorted(), "the newest comes first, and what alice saw before stays");
}

#[tokio::test]
async fn history_reaches_the_other_devices_at_once() {
    let open = Open::new().await;
    let (one, other) = (open.signed_in("bob").await, open.signed_in("bob").await);
    assert!(!other.get("/").await.body.contains("Recently viewed"));
    one.get("/items/lantern").await;
    other.get("/").await.assert(200, "Recently viewed");
}

#[tokio::test]
async fn an_empty_cart_says_what_to_do() {
    let open = Open::new().await;
    open.browser().get("/cart").await.assert(200, "Nothing on your pegs yet.").assert(200, "To the shop");
}

#[tokio::test]
async fn every_page_is_hardened_and_never_kept() {
    let open = Open::new().await;
    let carol = open.signed_in("carol").await;
    for path in ["/", "/cart", "/items/gloves", "/preferences", "/devices", "/password", "/staff", "/login", "/nowhere"]
    {
        let page = carol.get(path).await;
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert!(page.header("vary").is_some_and(|vary| vary.contains("ookie")), "{path}");
        assert!(!page.body.contains("style=\"") && !page.body.contains("<script>"), "{path} has something inline");
    }
}

#[tokio::test]
async fn assets_are_public_and_know_no_session() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    for (name, media_type) in [("shop.css", "text/css"), ("shop.js", "text/javascript"), ("art.svg", "image/svg+xml")] {
        let asset = alice.get(&format!("/static/{name}")).await;
        assert!(asset.header("content-type").is_some_and(|found| found.starts_with(media_type)));
        assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!((asset.header("vary"), asset.cookie()), (None, None));
    }
}
