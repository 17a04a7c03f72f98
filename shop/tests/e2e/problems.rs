//! What a visitor gets when something is wrong.

use std::time::Duration;

use cloakroom_shop::{Db, sessions};
use reqwest::Method;
use sqlx::Connection;

use crate::support::{ANY, JSON, Open};

#[tokio::test]
async fn unknown_items_and_pages_are_404_in_every_form() {
    let open = Open::new().await;
    open.browser().get("/items/nope").await.assert(404, "We do not have that");
    open.browser().get("/nowhere").await.assert(404, "Nothing hangs here");
    assert_eq!(open.visitor(ANY).post("/cart/add/nope", &[]).await.body, "No such item; GET / lists the items");
    let json = open.visitor(JSON).post("/cart/add/nope", &[]).await;
    assert_eq!((json.status.as_u16(), &json.json()["error"]), (404, &"No such item; GET / lists the items".into()));
    assert_eq!(open.shop.sessions().stats().created, 0, "no problem creates a session");
}

#[tokio::test]
async fn nothing_of_a_strange_request_is_repeated() {
    let open = Open::new().await;
    for path in ["/items/%3Cscript%3E", "/%3Cscript%3E", "/cart?added=%3Cscript%3E", "/login?next=%3Cscript%3E"] {
        let reply = open.browser().get(path).await;
        assert!(!reply.body.contains("<script>") && !reply.body.contains("%3Cscript"), "{path}: {}", reply.body);
    }
    let fields = [("name", "<script>"), ("password", "x")];
    assert!(!open.browser().post("/login", &fields).await.body.contains("<script>"));
}

#[tokio::test]
async fn what_is_sold_out_is_a_conflict() {
    let open = Open::new().await;
    open.browser().post("/cart/add/valet-stand", &[]).await.assert(409, "The last one has just left the shop.");
    let curl = open.visitor(ANY);
    curl.post("/cart/set/valet-stand", &[("quantity", "2")]).await.assert(409, "This item is sold out");
}

#[tokio::test]
async fn a_wrong_method_says_which_one_is_right() {
    let open = Open::new().await;
    let reply = open.browser().get("/cart/add/gloves").await;
    reply.assert(405, "Wrong door");
    assert_eq!(reply.header("allow"), Some("POST"));
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused() {
    let open = Open::new().await;
    let form = format!("quantity={}", "9".repeat(20_000));
    let reply = open.browser().send(Method::POST, "/cart/set/gloves", &[], Some(form)).await;
    reply.assert(413, "Too much data");
}

#[tokio::test]
async fn a_form_without_its_fields_is_a_bad_request() {
    let open = Open::new().await;
    open.browser().post("/cart/set/gloves", &[]).await.assert(422, "That did not fit");
    open.visitor(ANY).post("/login", &[("name", "alice")]).await.assert(422, "check its fields");
}

#[tokio::test]
async fn when_the_database_is_away_the_page_says_so_and_nothing_inside_shows() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    open.shop.db().close().await;
    let reply = alice.get("/").await;
    reply.assert(503, "Back in a moment");
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert!(!reply.body.to_lowercase().contains("sql") && !reply.body.contains("pool"), "{}", reply.body);
    let text = open.visitor(ANY).get("/").await;
    assert_eq!(text.body, "The shop cannot reach its session store; nothing is lost, try again in a moment");
}

#[tokio::test]
async fn when_the_database_goes_away_what_the_session_holds_still_works() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    alice.get("/cart").await;
    open.shop.db().close().await;
    alice.post("/cart/add/gloves", &[]).await;
    alice.get("/cart").await.assert(200, "Gloves").assert(200, "Alice Archer");
}

#[tokio::test]
async fn a_broken_database_is_our_mistake_and_stays_our_secret() {
    let folder = std::env::temp_dir().join(format!("cloakroom-shop-broken-{}", std::process::id()));
    let db = Db::open(&folder, Duration::ZERO).await.expect("the migrations run");
    let file = format!("sqlite://{}", folder.join("shop.db").display());
    let mut connection = sqlx::SqliteConnection::connect(&file).await.expect("a second connection");
    sqlx::query("DROP TABLE product_texts").execute(&mut connection).await.expect("a broken database");
    let open = Open::over(db, sessions::in_memory().expect("settings"), true).await;
    let page = open.browser().get("/").await;
    page.assert(500, "Our mistake");
    assert!(!page.body.contains("product_texts"), "{}", page.body);
    assert_eq!(open.visitor(ANY).get("/").await.body, "Something went wrong on our side");
    std::fs::remove_dir_all(folder).expect("it was ours");
}

#[tokio::test]
async fn two_cookies_of_one_name_open_no_session() {
    let open = Open::new().await;
    let (alice, bob) = (open.signed_in("alice").await, open.signed_in("bob").await);
    let cookies = format!("session={}", bob.token().expect("signed in"));
    let reply = alice.send(Method::GET, "/devices", &[("cookie", &cookies)], None).await;
    assert_eq!(reply.location(), "/login?next=devices", "neither of the two");
}
