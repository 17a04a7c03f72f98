//! The three levels, and the panel that shows them.

use cloakroom_shop::sessions;

use crate::support::{Open, Reply};

/// The panel's rows as (value, level).
fn rows(page: &Reply) -> Vec<(String, String)> {
    let table = page.body.split("<tbody>").nth(1).and_then(|rest| rest.split("</tbody>").next()).expect("a table");
    let cell = |row: &str, from: &str, to: &str| {
        row.split(from).nth(1).and_then(|rest| rest.split(to).next()).unwrap_or_default().to_owned()
    };
    let row = |row: &str| (cell(row, "data-value=\"", "\""), cell(row, "class=\"chip ", "\""));
    table.split("<tr").skip(1).map(row).collect()
}

fn has(rows: &[(String, String)], value: &str, level: &str) -> bool {
    rows.iter().any(|(known, answered)| known == value && answered == level)
}

#[tokio::test]
async fn the_first_page_asks_the_database_and_the_second_asks_nobody() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    let first = rows(&alice.get("/").await);
    for value in ["preferences", "account", "roles", "history", "catalogue"] {
        assert!(has(&first, value, "database"), "{value}: {first:?}");
    }
    let before = open.shop.db().queries();
    let second = rows(&alice.get("/").await);
    assert_eq!(open.shop.db().queries(), before, "not one query");
    for value in ["preferences", "account", "roles", "history", "recommendations"] {
        assert!(has(&second, value, "session"), "{value}: {second:?}");
    }
    assert!(has(&second, "catalogue", "application"), "{second:?}");
    assert!(has(&second, "preferences", "request"), "asked twice, answered by the request: {second:?}");
}

#[tokio::test]
async fn a_session_value_falls_back_to_the_application_cache() {
    let open = Open::new().await;
    open.browser().get("/").await;
    let browser = open.browser();
    browser.get("/items/umbrella").await;
    let home = rows(&browser.get("/").await);
    assert!(has(&home, "recommendations", "application"), "{home:?}");
    assert!(has(&rows(&browser.get("/").await), "recommendations", "session"));
}

#[tokio::test]
async fn without_the_session_cache_every_page_asks_the_database() {
    let open = Open::with(sessions::in_memory().expect("settings"), false).await;
    let alice = open.signed_in("alice").await;
    alice.get("/").await;
    let before = open.shop.db().queries();
    let page = rows(&alice.get("/").await);
    assert_eq!(open.shop.db().queries() - before, 5, "preferences, account, roles, history and cart");
    assert!(has(&page, "roles", "database") && has(&page, "catalogue", "application"), "{page:?}");
    assert!(has(&page, "preferences", "request"), "the request level stays: {page:?}");
    alice.post("/cart/add/gloves", &[]).await;
    let cart = alice.get("/cart").await;
    assert!(has(&rows(cart.assert(200, "Gloves")), "cart", "database"), "{}", cart.body);
}

#[tokio::test]
async fn without_a_session_the_panel_shows_that_there_is_no_value() {
    let open = Open::new().await;
    let page = rows(&open.browser().get("/").await);
    assert!(has(&page, "cart", "absent") && has(&page, "preferences", "absent"), "{page:?}");
}

#[tokio::test]
async fn the_panel_remembers_the_requests_of_its_session_and_of_no_other() {
    let open = Open::new().await;
    let (alice, bob) = (open.signed_in("alice").await, open.signed_in("bob").await);
    alice.post("/cart/add/gloves", &[]).await;
    alice.get("/cart").await.assert(200, "POST /cart/add/gloves").assert(200, "POST /login");
    assert!(!bob.get("/cart").await.body.contains("POST /cart/add/gloves"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_load_serves_all_requests_that_want_the_value() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    let visitors: Vec<_> = (0..32)
        .map(|_| {
            let visitor = open.browser();
            visitor.take_token(alice.token());
            tokio::spawn(async move { visitor.get("/preferences").await.assert(200, "Alice Archer").status })
        })
        .collect();
    for visitor in visitors {
        visitor.await.expect("an answer");
    }
    let stats = open.shop.sessions().stats();
    assert_eq!(stats.loads, 3, "preferences, account and roles, once each: {stats:?}");
}
