//! The switch "with / without session cache", and the numbers that it is there for.

use std::time::{Duration, Instant};

use cloakroom_shop::{Db, sessions};

use crate::support::{ANY, JSON, Open, Reply, Visitor};

const PAGES: [&str; 5] = ["/", "/cart", "/items/umbrella", "/preferences", "/login"];

async fn switch(visitor: &Visitor, cache: &str) -> Reply {
    visitor.post("/session-cache", &[("cache", cache), ("back", "/cart")]).await
}

/// The numbers of a page's panel: queries made, and queries saved by the session cache.
fn counts(page: &Reply) -> (u64, u64) {
    let after = |text: &str| {
        let rest = page.body.split(text).nth(1).unwrap_or_else(|| panic!("{text} is not in {}", page.body));
        rest.split('.').next().and_then(|number| number.parse().ok()).expect("a number")
    };
    (after("Database queries made for this page: "), after("Saved by the session cache: "))
}

#[tokio::test]
async fn exactly_what_is_saved_with_the_cache_is_asked_without_it() {
    let open = Open::new().await;
    let (guest, alice) = (open.browser(), open.signed_in("alice").await);
    for visitor in [&guest, &alice] {
        visitor.post("/cart/add/gloves", &[]).await;
        for path in PAGES {
            // Twice, as the first visit of an item changes the history.
            visitor.get(path).await;
            visitor.get(path).await;
            let with = counts(&visitor.get(path).await);
            assert_eq!(with.0, 0, "{path}: all is in memory by now");
            switch(visitor, "without").await;
            visitor.get(path).await;
            let before = open.shop.db().queries();
            let without = counts(&visitor.get(path).await);
            assert_eq!(without, (with.1, 0), "{path}");
            assert_eq!(open.shop.db().queries() - before, with.1, "{path}: they are made, not only counted");
            assert!(with.1 >= 2, "{path}: {with:?}");
            switch(visitor, "with").await;
        }
    }
}

#[tokio::test]
async fn a_page_without_the_cache_waits_for_a_database_that_is_far_away() {
    const DELAY: Duration = Duration::from_millis(20);
    let db = Db::in_memory(DELAY).await.expect("the migrations run");
    let open = Open::over(db, sessions::in_memory().expect("settings"), true).await;
    let guest = open.browser();
    guest.post("/cart/add/gloves", &[]).await;
    let home = guest.get("/").await;
    home.assert(200, "the database is 20\u{a0}ms away (simulated)").assert(200, "estimated");
    switch(&guest, "without").await;
    let started = Instant::now();
    let page = guest.get("/").await;
    assert!(started.elapsed() >= 3 * DELAY, "cart, preferences and history: {:?}", started.elapsed());
    page.assert(200, "<button name=\"cache\" value=\"without\" aria-pressed=\"true\">").assert(200, "3\u{a0}queries");
    page.assert(200, "measured at your last visit of it");
}

#[tokio::test]
async fn before_anybody_did_anything_the_first_page_shows_what_was_measured_at_the_start() {
    let db = Db::in_memory(Duration::from_millis(2)).await.expect("the migrations run");
    let open = Open::over(db, sessions::in_memory().expect("settings"), true).await;
    assert!(!open.browser().get("/").await.body.contains("measured when the shop opened"));
    open.shop.measure().await;
    let page = open.browser().get("/").await;
    page.assert(200, "for a visitor with something in the cart").assert(200, "measured when the shop opened");
    page.assert(200, "0\u{a0}queries").assert(200, "3\u{a0}queries");
    assert_eq!(page.cookie(), None, "a look creates no session");
    assert_eq!(open.shop.sessions().stats().created, 0, "the shop was not its own visitor");
    assert_eq!(open.shop.db().queries(), 2, "the catalogue of the first page: the measurement is not counted");
}

#[tokio::test]
async fn the_switch_is_one_visitors_own_and_leads_back_to_its_page() {
    let open = Open::new().await;
    let (one, other) = (open.browser(), open.browser());
    let reply = one.post("/session-cache", &[("cache", "without"), ("back", "/items/umbrella")]).await;
    assert_eq!((reply.status.as_u16(), reply.location()), (303, "/items/umbrella"));
    let off = "value=\"without\" aria-pressed=\"true\"";
    one.get("/").await.assert(200, off);
    assert!(!other.get("/").await.body.contains(off));
    for back in ["https://evil.example", "//evil.example", "/live"] {
        assert_eq!(one.post("/session-cache", &[("cache", "without"), ("back", back)]).await.location(), "/");
    }
    one.sign_in("alice").await;
    one.get("/").await.assert(200, off);
    switch(&open.visitor(ANY), "perhaps").await.assert(400, "cache must be with or without");
}

#[tokio::test]
async fn choosing_what_is_the_default_creates_no_session() {
    let open = Open::new().await;
    assert_eq!(switch(&open.browser(), "with").await.cookie(), None);
    assert_eq!(open.shop.sessions().stats().created, 0);
}

#[tokio::test]
async fn without_the_cache_a_page_needs_the_database_and_with_it_it_does_not() {
    let open = Open::new().await;
    let (with, without) = (open.browser(), open.browser());
    for guest in [&with, &without] {
        guest.post("/cart/add/gloves", &[]).await;
        guest.get("/cart").await;
    }
    switch(&without, "without").await;
    open.shop.db().close().await;
    with.get("/cart").await.assert(200, "Gloves");
    without.get("/cart").await.assert(503, "Back in a moment");
}

#[tokio::test]
async fn nothing_is_lost_on_the_way_there_and_back() {
    let open = Open::new().await;
    let guest = open.browser();
    guest.post("/cart/add/gloves", &[]).await;
    guest.post("/preferences", &[("theme", "dark"), ("language", "en")]).await;
    guest.get("/items/rucksack").await;
    switch(&guest, "without").await;
    guest.get("/cart").await.assert(200, "Gloves").assert(200, r#"data-theme="dark""#);
    guest.get("/").await.assert(200, "Recently viewed");
    guest.post("/cart/add/umbrella", &[]).await;
    guest.post("/preferences", &[("theme", "light"), ("language", "en")]).await;
    guest.get("/cart").await.assert(200, "Umbrella").assert(200, r#"data-theme="light""#);
    switch(&guest, "with").await;
    guest.get("/cart").await.assert(200, "Gloves").assert(200, "Umbrella").assert(200, r#"data-theme="light""#);
    switch(&guest, "without").await;
    guest.post("/cart/remove/gloves", &[]).await;
    assert!(!guest.get("/cart").await.body.contains("Gloves"));
    guest.sign_in("alice").await;
    guest.get("/cart").await.assert(200, "Umbrella");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_changes_without_the_cache_lose_nothing_either() {
    const CHANGES: usize = 40;
    // A file has several connections, whose writes overtake each other.
    let folder = std::env::temp_dir().join(format!("cloakroom-shop-parallel-{}", std::process::id()));
    let db = Db::open(&folder, Duration::ZERO).await.expect("the migrations run");
    let open = Open::over(db, sessions::in_memory().expect("settings"), true).await;
    let first = open.visitor(JSON);
    first.post("/cart/add/item123", &[]).await;
    switch(&first, "without").await;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 1..CHANGES {
        let client = open.visitor(JSON);
        client.take_token(first.token());
        clients.spawn(async move { client.post("/cart/add/item123", &[]).await.status });
    }
    while let Some(status) = clients.join_next().await {
        assert!(status.expect("an answer").is_success());
    }
    assert_eq!(first.get("/cart").await.json()[0]["quantity"], CHANGES);
    std::fs::remove_dir_all(folder).expect("it was ours");
}
