//! R49: unsafe requests must come from our own pages, by the `csrf` layer of `tower-http` around ours.

use axum::Router;
use axum::body::Body;
use cloakroom::{CookieConfig, TokenHeader, Transport};
use http::{Method, Request, StatusCode};
use tower_http::csrf::CsrfLayer;

use crate::support::{Browser, House, Node, Program, Reply, send};

const PASS: StatusCode = StatusCode::OK;
const STOP: StatusCode = StatusCode::FORBIDDEN;

/// Method, `Sec-Fetch-Site`, `Origin`, what is answered. The host is `shop.example`, and
/// `https://admin.example` is trusted.
const MATRIX: [(&str, Option<&str>, Option<&str>, StatusCode); 45] = [
    ("GET", None, None, PASS),
    ("GET", Some("cross-site"), Some("https://evil.example"), PASS),
    ("GET", Some("same-site"), None, PASS),
    ("GET", Some("bogus"), Some("null"), PASS),
    ("HEAD", Some("cross-site"), Some("https://evil.example"), PASS),
    ("OPTIONS", Some("cross-site"), Some("https://evil.example"), PASS),
    ("POST", Some("same-origin"), Some("https://shop.example"), PASS),
    ("POST", Some("same-origin"), None, PASS),
    ("POST", Some("none"), None, PASS),
    ("POST", Some("none"), Some("null"), PASS),
    ("POST", Some("same-site"), Some("https://other.shop.example"), STOP),
    ("POST", Some("same-site"), Some("https://shop.example"), STOP),
    ("POST", Some("same-site"), None, STOP),
    ("POST", Some("cross-site"), Some("https://evil.example"), STOP),
    ("POST", Some("cross-site"), Some("https://shop.example"), STOP),
    ("POST", Some("cross-site"), Some("http://shop.example"), STOP),
    ("POST", Some("cross-site"), Some("null"), STOP),
    ("POST", Some("cross-site"), None, STOP),
    ("POST", Some("bogus"), Some("https://shop.example"), STOP),
    ("POST", Some("Same-Origin"), Some("https://shop.example"), STOP),
    ("POST", Some("same-origin, cross-site"), Some("https://shop.example"), STOP),
    ("POST", Some("cross-site"), Some("https://admin.example"), PASS),
    ("POST", Some("same-site"), Some("https://admin.example"), PASS),
    ("POST", Some("cross-site"), Some("http://admin.example"), STOP),
    ("POST", Some("cross-site"), Some("https://admin.example:8443"), STOP),
    ("POST", Some("cross-site"), Some("https://admin.example.evil.com"), STOP),
    ("POST", None, Some("https://shop.example"), PASS),
    // The scheme is not compared without the first header; the guide says what to compose for that.
    ("POST", None, Some("http://shop.example"), PASS),
    ("POST", None, Some("https://shop.example:8443"), STOP),
    ("POST", None, Some("https://shop.example.evil.com"), STOP),
    ("POST", None, Some("https://evil.example"), STOP),
    ("POST", None, Some("https://other.shop.example"), STOP),
    ("POST", None, Some("https://SHOP.example"), STOP),
    ("POST", None, Some("null"), STOP),
    ("POST", None, Some("shop.example"), STOP),
    ("POST", None, Some("file://shop.example"), STOP),
    ("POST", None, Some("https://admin.example"), PASS),
    ("PUT", Some("cross-site"), Some("https://evil.example"), STOP),
    ("PUT", None, Some("https://evil.example"), STOP),
    ("PATCH", Some("cross-site"), None, STOP),
    ("DELETE", Some("same-site"), None, STOP),
    ("DELETE", Some("same-origin"), None, PASS),
    ("TRACE", Some("cross-site"), None, STOP),
    ("PURGE", Some("cross-site"), None, STOP),
    // Neither header: no browser of the last years, and what `curl` sends. The layer lets it pass.
    ("POST", None, None, PASS),
];

fn guarded() -> (Router, House, Node) {
    let house = House::local();
    let node = house.node();
    let guard = CsrfLayer::new().add_trusted_origin("https://admin.example").unwrap();
    (node.app.clone().layer(guard), house, node)
}

async fn ask(app: &Router, row: (&str, Option<&str>, Option<&str>), path: &str, cookie: Option<&str>) -> Reply {
    let (method, site, origin) = row;
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    request = request.header("host", "shop.example");
    for (name, value) in [("sec-fetch-site", site), ("origin", origin), ("cookie", cookie)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    send(app, request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn r49_unsafe_requests_with_a_session_pass_only_from_our_own_pages() {
    let (app, _, node) = guarded();
    let mut alice = Browser::new(&node.app);
    alice.post("/login/alice").await.ok();
    let cookie = format!("__Host-session={}", alice.cookie.clone().unwrap());
    for (method, site, origin, expected) in MATRIX {
        let before = node.sessions.stats().commits;
        let path = if ["GET", "HEAD", "OPTIONS"].contains(&method) { "/note" } else { "/note/changed" };
        let reply = ask(&app, (method, site, origin), path, Some(&cookie)).await;
        let row = format!("{method} {site:?} {origin:?}");
        // `OPTIONS` has no route of its own here; that it got as far as the routes is what counts.
        let passed = reply.status != STOP;
        assert_eq!(passed, expected == PASS, "{row}: {}", reply.status);
        let changed = node.sessions.stats().commits > before;
        assert_eq!(changed, expected == PASS && path == "/note/changed", "{row}");
    }
}

#[tokio::test]
async fn r49_a_forged_login_without_any_session_is_stopped_too() {
    let (app, _, node) = guarded();
    for (method, site, origin, expected) in MATRIX.into_iter().filter(|row| row.0 == "POST") {
        let before = node.sessions.stats().created;
        let reply = ask(&app, (method, site, origin), "/login/mallory", None).await;
        assert_eq!(reply.status, expected, "{site:?} {origin:?}");
        assert_eq!(reply.set_cookie().is_some(), expected == PASS, "{site:?} {origin:?}");
        assert_eq!(node.sessions.stats().created > before, expected == PASS, "{site:?} {origin:?}");
    }
}

/// Pages behind the guard, and an API for bearer tokens beside it, under `/api`, of the same sessions.
fn pages_and_api() -> (Router, Node) {
    let (pages, house, node) = guarded();
    let api = Node::with_transport(house.builder(), Transport::bearer(TokenHeader::default()));
    (pages.nest("/api", api.app), Node { sessions: api.sessions, ..node })
}

#[tokio::test]
async fn r49_a_layer_for_bearer_tokens_needs_no_guard() {
    let (app, api) = pages_and_api();
    let mut victim = Browser::new(&app);
    victim.post("/login/victim").await.ok();
    victim.post("/note/mine").await.ok();
    let mut program = Program::new(&app);
    program.post("/api/login/program").await.ok();
    let token = program.token.clone().unwrap();
    let cookie = format!("__Host-session={}", victim.cookie.clone().unwrap());
    for (method, site, origin, _) in MATRIX.into_iter().filter(|row| row.0 == "POST") {
        // What a browser sends of itself opens nothing.
        let forged = ask(&app, (method, site, origin), "/api/whoami", Some(&cookie)).await.ok();
        assert_eq!((forged.body.as_str(), forged.set_cookie()), ("nobody", None), "{site:?} {origin:?}");
        ask(&app, (method, site, origin), "/api/note/evil", Some(&cookie)).await.ok();
        // What a page has to add by itself, it has to know first.
        let mut request = Request::post("/api/whoami").header("authorization", format!("Bearer {token}"));
        for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let own = send(&app, request.body(Body::empty()).unwrap()).await.ok();
        assert_eq!(own.body, "program", "{site:?} {origin:?}");
    }
    assert_eq!(victim.get("/note").await.ok().body, "mine");
    assert_eq!(api.sessions.of("victim").list().await.unwrap().len(), 0);
}

#[tokio::test]
async fn r49_a_layer_that_takes_either_needs_the_guard_because_a_forged_request_has_the_cookie() {
    let house = House::local();
    let either = Transport::either(CookieConfig::default(), TokenHeader::default());
    let node = Node::with_transport(house.builder(), either);
    let guard = CsrfLayer::new().add_trusted_origin("https://admin.example").unwrap();
    let app = node.app.clone().layer(guard);
    let mut victim = Browser::new(&node.app);
    victim.post("/login/victim").await.ok();
    let cookie = format!("__Host-session={}", victim.cookie.clone().unwrap());
    let forged = ("POST", Some("cross-site"), Some("https://evil.example"));
    assert_eq!(ask(&app, forged, "/note/evil", Some(&cookie)).await.status, STOP);
    assert_eq!(ask(&node.app, forged, "/note/evil", Some(&cookie)).await.status, PASS, "without it");
    // Programs send none of what browsers add, and pass.
    let mut program = Program::new(&app);
    assert_eq!(program.post("/note/own").await.status, PASS);
}
