//! R49: unsafe requests must come from our own pages, by the `csrf` layer of `tower-http` around ours.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use tower_http::csrf::CsrfLayer;

use crate::support::{House, Reply, send};

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

fn guarded() -> (Router, House, crate::support::Node) {
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
    let mut alice = crate::support::Browser::new(&node.app);
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
