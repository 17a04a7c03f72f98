//! The test client, over real layers and stores.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Form, Json, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::{any, get, post};
use cloakroom::{
    Clock, CookieConfig, Key, KeyRing, Login, OsRandom, SameOrigin, SameSite, Session, SessionError, SessionLayer,
    SessionValue, Sessions, TokenHeader, Transport,
};
use cloakroom_testkit::{ManualClock, MemoryStore, TestClient};
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Debug, PartialEq, Serialize, Deserialize, SessionValue)]
struct Cart {
    items: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Item {
    item: String,
}

async fn user(session: Session) -> Result<String, SessionError> {
    Ok(session.principal().await?.map_or_else(|| "nobody".to_owned(), String::from))
}

async fn add(session: Session, item: String) -> Result<String, SessionError> {
    session.update(|cart: &mut Cart| cart.items.push(item.clone())).await?;
    Ok(item)
}

fn routes() -> Router {
    Router::new()
        .route("/user", get(user))
        .route("/form", post(async |session: Session, Form(item): Form<Item>| add(session, item.item).await))
        .route(
            "/json",
            post(async |session: Session, Json(item): Json<Item>| {
                add(session, item.item).await.map(|item| Json(Item { item }))
            }),
        )
        .route("/cart", get(async |cart: Session<Cart>| cart.items.join(", ")))
        .route("/logout", post(async |session: Session| session.destroy().await))
        .route("/headers", any(shown_headers))
        .route("/guarded", any(async |_: SameOrigin| "ours"))
        .route("/old/page", any(async || Redirect::to("../user")))
        .route("/old/form", post(async || Redirect::to("/cart")))
        .route("/old/again", post(async || Redirect::temporary("https://app.example/echo")))
        .route("/old/away", get(async || Redirect::to("https://other.example/")))
        .route("/old/loop", get(async || Redirect::to("/old/loop")))
        .route("/echo", any(async |body: String| body))
}

async fn shown_headers(request: Request) -> String {
    let shown = |headers: &HeaderMap, name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned()
    };
    ["host", "origin", "sec-fetch-site", "accept", "content-type"].map(|name| shown(request.headers(), name)).join(" ")
}

fn app() -> Router {
    routes().layer(SessionLayer::new(Sessions::in_memory()))
}

#[tokio::test]
async fn a_signed_in_client_is_its_principal_and_others_are_not() {
    let app = app();
    let alice = TestClient::signed_in(&app, "alice").await;
    let bob = TestClient::signed_in(&app, "bob").await;
    assert_eq!(alice.get("/user").await.text(), "alice");
    assert_eq!(bob.get("/user").await.text(), "bob");
    assert_eq!(TestClient::new(&app).get("/user").await.text(), "nobody");
}

#[tokio::test]
async fn signing_in_works_with_every_carrier_and_format() {
    let keys = KeyRing::new(Key::generate(1, &OsRandom).unwrap());
    let builders: [fn(SessionLayer) -> SessionLayer; 5] = [
        |layer| layer,
        |layer| layer.cookie(CookieConfig::insecure_for_localhost()),
        |layer| layer.cookie(CookieConfig::builder().name("__Host-s").same_site(SameSite::Strict).build().unwrap()),
        |layer| layer.transport(Transport::bearer(TokenHeader::default())),
        |layer| layer.transport(Transport::either(CookieConfig::default(), TokenHeader::default()).prefer_header()),
    ];
    for (index, build) in builders.into_iter().enumerate() {
        for sessions in [Sessions::in_memory(), Sessions::builder().keys(keys.clone()).build().unwrap()] {
            let app = routes().layer(build(SessionLayer::new(sessions)));
            let alice = TestClient::signed_in(&app, "alice").await;
            assert_eq!(alice.get("/user").await.text(), "alice", "{index}");
            assert_eq!(alice.token().is_some(), index >= 3, "{index}");
        }
    }
}

#[tokio::test]
async fn a_program_loses_its_token_when_it_logs_out() {
    let layer =
        SessionLayer::new(Sessions::in_memory()).transport(Transport::bearer(TokenHeader::new("x-shop").unwrap()));
    let app = routes().layer(layer);
    let program = TestClient::new(&app).with_token_header("x-shop");
    program.sign_in("alice").await;
    let token = program.token().expect("a token");
    assert_eq!(program.post("/logout").await.status(), 200);
    assert_eq!(program.token(), None);
    program.set_token(Some(&token));
    assert_eq!(program.get("/user").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_login_sets_everything_that_it_can_say() {
    let clock = ManualClock::new();
    let sessions = Sessions::builder().clock(clock.clone()).build().unwrap();
    let app = routes().layer(SessionLayer::new(sessions.clone()));
    let alice = TestClient::new(&app).with_clock(clock.clone());
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    alice.sign_in(Login::new("alice").label("Firefox").remember(days(30))).await;

    let devices = sessions.of("alice").list().await.unwrap();
    assert_eq!(devices[0].label.as_deref(), Some("Firefox"));
    alice.restart();
    assert_eq!(alice.get("/user").await.text(), "alice", "it is remembered");
    clock.advance(days(31));
    assert_eq!(alice.cookie("__Host-session"), None, "the cookie expires with the session");
}

#[tokio::test]
async fn a_browser_that_is_closed_forgets_a_session_that_is_not_remembered() {
    let app = app();
    let alice = TestClient::signed_in(&app, "alice").await;
    alice.restart();
    assert_eq!(alice.get("/user").await.text(), "nobody");
}

#[tokio::test]
async fn work_in_a_session_is_seen_by_handlers_and_the_other_way_round() {
    let client = TestClient::new(&app());
    client.in_session(async |session: Session| add(session, "tea".to_owned()).await).await.unwrap();
    assert_eq!(client.get("/cart").await.text(), "tea");
    assert_eq!(client.post("/form").form(&[("item", "a & b")]).await.text(), "a & b");
    let cart = client.in_session(async |session: Session| session.get::<Cart>().await).await.unwrap();
    assert_eq!(cart.unwrap().items, ["tea", "a & b"]);
}

#[tokio::test]
async fn json_goes_both_ways() {
    let client = TestClient::new(&app());
    let answer: Item = client.post("/json").json(&Item { item: "tea".to_owned() }).await.json();
    assert_eq!(answer.item, "tea");
}

#[tokio::test]
async fn two_tabs_of_one_browser_share_their_cookies() {
    let tab = TestClient::new(&app());
    let other = tab.clone();
    tokio::join!(tab.sign_in("alice"), async { other.get("/user").await });
    assert_eq!(other.get("/user").await.text(), "alice");
}

#[tokio::test]
async fn a_client_is_the_same_at_every_node() {
    let [one, other] = MemoryStore::new().nodes().map(|store| {
        let sessions = Sessions::builder().store(store).build().unwrap();
        routes().layer(SessionLayer::new(sessions))
    });
    let alice = TestClient::signed_in(&one, "alice").await;
    assert_eq!(alice.at(&other).post("/form").form(&[("item", "tea")]).await.status(), 200);
    assert_eq!(alice.get("/cart").await.text(), "tea");
    assert_eq!(alice.at(&other).post("/logout").await.status(), 200);
    assert_eq!(alice.get("/user").await.text(), "nobody");
}

#[tokio::test]
async fn requests_have_the_headers_of_a_page_of_the_application() {
    let client = TestClient::new(&app()).with_header("accept", "text/html");
    assert_eq!(client.get("/headers").await.text(), "app.example - same-origin text/html -");
    assert_eq!(client.post("/headers").await.text(), "app.example https://app.example same-origin text/html -");
    let asked = client.post("/headers").header("accept", "*/*").json(&1).await;
    assert_eq!(asked.text(), "app.example https://app.example same-origin */* application/json");
    let client = client.with_origin("http://localhost:3000");
    assert_eq!(client.post("/headers").await.text(), "localhost:3000 http://localhost:3000 same-origin text/html -");
}

#[tokio::test]
async fn a_page_of_another_site_gets_neither_past_the_guard_nor_the_cookies() {
    let alice = TestClient::signed_in(&app(), "alice").await;
    assert_eq!(alice.post("/guarded").await.status(), 200);
    assert_eq!(alice.post("/guarded").from_site("https://attacker.example").await.status(), 403);
    assert_eq!(alice.post("/logout").from_site("https://attacker.example").await.status(), 200);
    assert_eq!(alice.get("/user").from_site("https://attacker.example").await.text(), "alice", "a link sends `Lax`");
}

#[tokio::test]
async fn redirects_are_followed_when_told() {
    let client = TestClient::new(&app());
    let first = client.get("/old/page").await;
    assert_eq!((first.status(), first.header("location")), (StatusCode::SEE_OTHER, Some("../user")));
    client.in_session(async |session: Session| add(session, "tea".to_owned()).await).await.unwrap();
    assert_eq!(client.post("/old/form").form(&[("item", "x")]).follow_redirects().await.text(), "tea");
    assert_eq!(client.post("/old/again").body("kept").follow_redirects().await.text(), "kept");
    assert_eq!(client.get("/old/away").follow_redirects().await.status(), 303, "to another site");
    assert_eq!(client.get("/old/loop").follow_redirects().await.status(), 303, "endless");
}

#[tokio::test]
async fn a_layer_around_some_routes_is_found_by_their_path() {
    let inner = Router::new().route("/user", get(user)).route_layer(SessionLayer::new(Sessions::in_memory()));
    let app = Router::new().nest("/shop", inner);
    let alice = TestClient::new(&app).with_session_path("/shop/user");
    alice.sign_in("alice").await;
    assert_eq!(alice.get("/shop/user").await.text(), "alice");
}

#[tokio::test]
#[should_panic(expected = "no `SessionLayer` wraps \"/.cloakroom-testkit\", which was answered with 404 Not Found")]
async fn an_application_without_a_layer_is_named() {
    TestClient::signed_in(&routes(), "alice").await;
}

#[tokio::test]
async fn any_service_can_be_tested() {
    let service = tower::service_fn(async |request: Request| {
        let session = Session::from_extensions(request.extensions()).expect("a layer");
        let name = session.principal().await.expect("no fault").map(String::from);
        Ok::<_, std::convert::Infallible>(axum::http::Response::new(Body::from(name.unwrap_or_default())))
    });
    let app = tower::Layer::layer(&SessionLayer::new(Sessions::in_memory()), service);
    let alice = TestClient::signed_in(&app, "alice").await;
    assert_eq!(alice.get("/").await.bytes(), Bytes::from_static(b"alice"));
}

#[tokio::test]
async fn nothing_shows_a_token() {
    let alice = TestClient::signed_in(&app(), "alice").await;
    let token = alice.cookie("__Host-session").expect("a cookie");
    let shown = format!("{alice:?} {:?} {:?}", alice.get("/user"), alice.get("/user").await);
    assert!(!shown.contains(&token[..16]), "{shown}");
}

#[tokio::test]
async fn an_expired_session_is_over_by_the_moved_clock() {
    let clock = ManualClock::new();
    let sessions = Sessions::builder().idle_timeout(Duration::from_secs(1800)).clock(clock.clone()).build().unwrap();
    let alice = TestClient::signed_in(&routes().layer(SessionLayer::new(sessions)), "alice").await;
    clock.advance(Duration::from_secs(1799));
    assert_eq!(alice.get("/user").await.text(), "alice");
    clock.advance(Duration::from_secs(1801));
    assert_eq!(alice.get("/user").await.text(), "nobody");
    assert!(clock.now() > ManualClock::new().now());
}

#[test]
fn requests_are_send() {
    fn is_send<T: Send>(_: &T) {}
    let client = TestClient::new(&app());
    is_send(&client.get("/").into_future());
    is_send(&client.sign_in("alice"));
    is_send(&client.in_session(async |session: Session| session.exists().await));
}
