//! R49, R51, R52: state-changing requests must come from our own pages, checked by the `csrf` layer
//! of `tower-http` around ours; so must WebSocket handshakes, checked by an extractor.

use axum::Router;
use axum::body::Body;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use cloakroom::{CookieConfig, SameOrigin, Session, SessionLayer, TokenHeader, Transport};
use http::header::{ORIGIN, VARY};
use http::{HeaderValue, Method, Request, StatusCode};
use tower_http::csrf::CsrfLayer;

use crate::support::{BearerClient, Browser, Deployment, Node, Reply, routes, send};

const ALLOWED: StatusCode = StatusCode::OK;
const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;

/// Method, `Sec-Fetch-Site`, `Origin`, expected status.
type Row = (&'static str, Option<&'static str>, Option<&'static str>, StatusCode);

/// The host is `shop.example`, and `https://admin.example` is trusted.
const MATRIX: [Row; 45] = [
    ("GET", None, None, ALLOWED),
    ("GET", Some("cross-site"), Some("https://evil.example"), ALLOWED),
    ("GET", Some("same-site"), None, ALLOWED),
    ("GET", Some("bogus"), Some("null"), ALLOWED),
    ("HEAD", Some("cross-site"), Some("https://evil.example"), ALLOWED),
    ("OPTIONS", Some("cross-site"), Some("https://evil.example"), ALLOWED),
    ("POST", Some("same-origin"), Some("https://shop.example"), ALLOWED),
    ("POST", Some("same-origin"), None, ALLOWED),
    ("POST", Some("none"), None, ALLOWED),
    ("POST", Some("none"), Some("null"), ALLOWED),
    ("POST", Some("same-site"), Some("https://other.shop.example"), FORBIDDEN),
    ("POST", Some("same-site"), Some("https://shop.example"), FORBIDDEN),
    ("POST", Some("same-site"), None, FORBIDDEN),
    ("POST", Some("cross-site"), Some("https://evil.example"), FORBIDDEN),
    ("POST", Some("cross-site"), Some("https://shop.example"), FORBIDDEN),
    ("POST", Some("cross-site"), Some("http://shop.example"), FORBIDDEN),
    ("POST", Some("cross-site"), Some("null"), FORBIDDEN),
    ("POST", Some("cross-site"), None, FORBIDDEN),
    ("POST", Some("bogus"), Some("https://shop.example"), FORBIDDEN),
    ("POST", Some("Same-Origin"), Some("https://shop.example"), FORBIDDEN),
    ("POST", Some("same-origin, cross-site"), Some("https://shop.example"), FORBIDDEN),
    ("POST", Some("cross-site"), Some("https://admin.example"), ALLOWED),
    ("POST", Some("same-site"), Some("https://admin.example"), ALLOWED),
    ("POST", Some("cross-site"), Some("http://admin.example"), FORBIDDEN),
    ("POST", Some("cross-site"), Some("https://admin.example:8443"), FORBIDDEN),
    ("POST", Some("cross-site"), Some("https://admin.example.evil.com"), FORBIDDEN),
    ("POST", None, Some("https://shop.example"), ALLOWED),
    // Without `Sec-Fetch-Site`, the scheme is not compared; the guide shows a middleware that does.
    ("POST", None, Some("http://shop.example"), ALLOWED),
    ("POST", None, Some("https://shop.example:8443"), FORBIDDEN),
    ("POST", None, Some("https://shop.example.evil.com"), FORBIDDEN),
    ("POST", None, Some("https://evil.example"), FORBIDDEN),
    ("POST", None, Some("https://other.shop.example"), FORBIDDEN),
    ("POST", None, Some("https://SHOP.example"), FORBIDDEN),
    ("POST", None, Some("null"), FORBIDDEN),
    ("POST", None, Some("shop.example"), FORBIDDEN),
    ("POST", None, Some("file://shop.example"), FORBIDDEN),
    ("POST", None, Some("https://admin.example"), ALLOWED),
    ("PUT", Some("cross-site"), Some("https://evil.example"), FORBIDDEN),
    ("PUT", None, Some("https://evil.example"), FORBIDDEN),
    ("PATCH", Some("cross-site"), None, FORBIDDEN),
    ("DELETE", Some("same-site"), None, FORBIDDEN),
    ("DELETE", Some("same-origin"), None, ALLOWED),
    ("TRACE", Some("cross-site"), None, FORBIDDEN),
    ("PURGE", Some("cross-site"), None, FORBIDDEN),
    // Neither header: not a recent browser, but `curl`. The layer allows it.
    ("POST", None, None, ALLOWED),
];

/// A header in which a client sends its token.
#[derive(Clone, Copy, Debug)]
struct Carrier {
    header: &'static str,
    prefix: &'static str,
}

/// Carriers that a browser sends by itself. Those that a page has to add are tested separately
/// below.
const CARRIERS: [Carrier; 1] = [Carrier { header: "cookie", prefix: "__Host-session=" }];

/// The compositions of the guide: the layer alone, or with additional middleware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CsrfGuard {
    LayerOnly,
    /// For a site that is only on HTTPS, with `Vary`.
    Hardened,
}

/// Rejects pages on plain HTTP: anybody on the visitor's network can forge one.
async fn https_only(request: Request<Body>, next: Next) -> Response {
    let origins = request.headers().get_all(ORIGIN);
    if origins.iter().any(|origin| origin.as_bytes().starts_with(b"http://")) {
        return FORBIDDEN.into_response();
    }
    next.run(request).await
}

async fn add_vary(mut response: Response) -> Response {
    response.headers_mut().append(VARY, HeaderValue::from_static("Sec-Fetch-Site, Origin"));
    response
}

fn guarded(guard: CsrfGuard) -> (Router, Deployment, Node) {
    let deployment = Deployment::local();
    let node = deployment.node();
    let csrf = CsrfLayer::new().add_trusted_origin("https://admin.example").unwrap();
    let app = node.app.clone().layer(csrf);
    let app = match guard {
        CsrfGuard::LayerOnly => app,
        CsrfGuard::Hardened => app.layer(from_fn(https_only)).layer(map_response(add_vary)),
    };
    (app, deployment, node)
}

/// The expected status of a row behind this guard.
fn expected(guard: CsrfGuard, (_, _, origin, expected): Row) -> StatusCode {
    match (guard, origin) {
        (CsrfGuard::Hardened, Some(origin)) if origin.starts_with("http://") => FORBIDDEN,
        _ => expected,
    }
}

async fn ask(app: &Router, (method, site, origin, _): Row, path: &str, session: Option<(&str, &str)>) -> Reply {
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    request = request.header("host", "shop.example");
    for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    if let Some((name, value)) = session {
        request = request.header(name, value);
    }
    send(app, request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn r49_unsafe_requests_with_a_session_pass_only_from_our_own_pages() {
    for carrier in CARRIERS {
        for guard in [CsrfGuard::LayerOnly, CsrfGuard::Hardened] {
            let (app, _, node) = guarded(guard);
            let mut alice = Browser::new(&node.app);
            alice.post("/login/alice").await.ok();
            let header_value = format!("{}{}", carrier.prefix, alice.cookie.clone().unwrap());
            for row in MATRIX {
                let before = node.sessions.stats().commits;
                let safe = ["GET", "HEAD", "OPTIONS"].contains(&row.0);
                let path = if safe { "/note" } else { "/note/changed" };
                let reply = ask(&app, row, path, Some((carrier.header, &header_value))).await;
                let expected = expected(guard, row);
                // `OPTIONS` has no route of its own here; it suffices that it reaches the routes.
                assert_eq!(
                    reply.status != FORBIDDEN,
                    expected == ALLOWED,
                    "{carrier:?} {guard:?} {row:?}: {}",
                    reply.status
                );
                let changed = node.sessions.stats().commits > before;
                assert_eq!(changed, expected == ALLOWED && !safe, "{carrier:?} {guard:?} {row:?}");
                if guard == CsrfGuard::Hardened {
                    let vary = reply.header("vary").join(", ");
                    assert!(vary.contains("Sec-Fetch-Site, Origin"), "{row:?}: {vary}");
                }
            }
        }
    }
}

#[tokio::test]
async fn r52_a_forged_login_without_any_session_is_stopped_too() {
    for guard in [CsrfGuard::LayerOnly, CsrfGuard::Hardened] {
        let (app, _, node) = guarded(guard);
        for row in MATRIX.into_iter().filter(|row| row.0 == "POST") {
            let before = node.sessions.stats().created;
            let reply = ask(&app, row, "/login/mallory", None).await;
            let expected = expected(guard, row);
            assert_eq!(reply.status, expected, "{guard:?} {row:?}");
            assert_eq!(reply.set_cookie().is_some(), expected == ALLOWED, "{guard:?} {row:?}");
            assert_eq!(node.sessions.stats().created > before, expected == ALLOWED, "{guard:?} {row:?}");
        }
    }
}

/// `Sec-Fetch-Site`, `Origin`, and whether a handler with [`SameOrigin`] runs, for any method.
const HANDSHAKES: [(Option<&str>, Option<&str>, bool); 22] = [
    (Some("same-origin"), Some("https://shop.example"), true),
    (Some("same-origin"), None, true),
    (Some("none"), None, true),
    (Some("same-site"), Some("https://other.shop.example"), false),
    (Some("same-site"), Some("https://shop.example"), false),
    (Some("cross-site"), Some("https://evil.example"), false),
    (Some("cross-site"), Some("https://shop.example"), false),
    (Some("cross-site"), None, false),
    (Some("bogus"), Some("https://shop.example"), false),
    (Some(""), Some("https://shop.example"), false),
    (Some("SAME-ORIGIN"), None, false),
    (None, Some("https://shop.example"), true),
    (None, Some("http://shop.example"), false),
    (None, Some("https://shop.example:8443"), false),
    (None, Some("https://shop.example.evil.com"), false),
    (None, Some("https://evil.example"), false),
    (None, Some("https://evil.example/https://shop.example"), false),
    (None, Some("null"), false),
    (None, Some("shop.example"), false),
    (None, Some("wss://shop.example"), false),
    (None, Some("https://"), false),
    // Not a browser.
    (None, None, true),
];

#[tokio::test]
async fn r51_a_handshake_passes_only_from_our_own_pages() {
    let handler = any(async |_: SameOrigin, session: Session| session.exists().await.map(|exists| exists.to_string()));
    let deployment = Deployment::local();
    let node = Node::with_routes(deployment.builder(), routes().route("/socket", handler));
    // The layer allows every handshake, because it is a `GET`.
    let app = node.app.clone().layer(CsrfLayer::new());
    for carrier in CARRIERS {
        let mut alice = Browser::new(&node.app);
        alice.post("/login/alice").await.ok();
        let header_value = format!("{}{}", carrier.prefix, alice.cookie.clone().unwrap());
        for (site, origin, allowed) in HANDSHAKES {
            let reply =
                ask(&app, ("GET", site, origin, ALLOWED), "/socket", Some((carrier.header, &header_value))).await;
            assert_eq!(reply.status == ALLOWED, allowed, "{site:?} {origin:?}: {}", reply.status);
            if !allowed {
                assert_eq!(reply.status, FORBIDDEN);
                assert_eq!(reply.header("vary"), ["Sec-Fetch-Site, Origin"]);
                assert_eq!(reply.header("cache-control"), ["no-store"]);
            }
        }
    }
}

#[tokio::test]
async fn r51_a_page_on_plain_http_is_ours_only_where_the_cookie_is_for_plain_http_or_the_host_is_this_machine() {
    let socket = || Router::new().route("/socket", any(async |_: SameOrigin| ()));
    let sessions = Deployment::local().node().sessions;
    let layer = |transport| SessionLayer::new(sessions.clone()).transport(transport);
    let bearer_transport = || Transport::bearer(TokenHeader::default());
    let insecure = socket().layer(layer(Transport::cookie(CookieConfig::insecure_for_localhost())));
    let secure = socket().layer(layer(Transport::default()));
    let (bearer, no_layer) = (socket().layer(layer(bearer_transport())), socket());
    for (app, layer_name, host, expected) in [
        (&insecure, "insecure", "192.168.1.5:3000", ALLOWED),
        (&insecure, "insecure", "localhost:3000", ALLOWED),
        (&secure, "secure", "localhost:3000", FORBIDDEN),
        (&secure, "secure", "shop.example", FORBIDDEN),
        (&bearer, "bearer", "shop.example", FORBIDDEN),
        (&bearer, "bearer", "127.0.0.1:3000", ALLOWED),
        (&no_layer, "no layer", "shop.example", FORBIDDEN),
        (&no_layer, "no layer", "localhost", ALLOWED),
        (&no_layer, "no layer", "shop.localhost:3000", ALLOWED),
        (&no_layer, "no layer", "[::1]:3000", ALLOWED),
        (&no_layer, "no layer", "localhost.example", FORBIDDEN),
        (&no_layer, "no layer", "127.0.0.1.example", FORBIDDEN),
        (&no_layer, "no layer", "notlocalhost", FORBIDDEN),
    ] {
        for (scheme, expected) in [("http", expected), ("https", ALLOWED)] {
            let origin = format!("{scheme}://{host}");
            let request = Request::get("/socket").header("host", host).header("origin", &origin);
            let status = send(app, request.body(Body::empty()).unwrap()).await.status;
            assert_eq!(status, expected, "{layer_name}: {origin}");
        }
    }
    // If the request arrived by HTTPS, an origin on plain HTTP is foreign.
    let request = Request::get("https://localhost/socket").header("origin", "http://localhost");
    assert_eq!(send(&insecure, request.body(Body::empty()).unwrap()).await.status, FORBIDDEN);
}

#[tokio::test]
async fn r51_headers_that_are_there_twice_count_for_nothing() {
    let node = Deployment::local().node();
    let app = Router::new().route("/socket", any(async |_: SameOrigin| ()));
    let app = Node::with_sessions(node.sessions, app);
    for (name, [first, second]) in [
        ("sec-fetch-site", ["same-origin", "cross-site"]),
        ("sec-fetch-site", ["cross-site", "same-origin"]),
        ("origin", ["https://shop.example", "https://evil.example"]),
        ("host", ["shop.example", "evil.example"]),
    ] {
        let request = Request::get("/socket").header("origin", "https://shop.example").header("host", "shop.example");
        let mut request = request.body(Body::empty()).unwrap();
        request.headers_mut().remove(name);
        request.headers_mut().append(name, HeaderValue::from_static(first));
        request.headers_mut().append(name, HeaderValue::from_static(second));
        assert_eq!(send(&app, request).await.status, FORBIDDEN, "{name}: {first}, {second}");
    }
}

/// Pages behind the guard, and an API for bearer tokens under `/api` beside it, over the same
/// sessions.
fn pages_and_api() -> (Router, Node) {
    let (pages, deployment, node) = guarded(CsrfGuard::LayerOnly);
    let api = Node::with_transport(deployment.builder(), Transport::bearer(TokenHeader::default()));
    (pages.nest("/api", api.app), Node { sessions: api.sessions, ..node })
}

#[tokio::test]
async fn r49_a_layer_for_bearer_tokens_needs_no_guard() {
    let (app, api) = pages_and_api();
    let mut victim = Browser::new(&app);
    victim.post("/login/victim").await.ok();
    victim.post("/note/mine").await.ok();
    let mut bearer = BearerClient::new(&app);
    bearer.post("/api/login/program").await.ok();
    let token = bearer.token.clone().unwrap();
    let cookie = format!("__Host-session={}", victim.cookie.clone().unwrap());
    for (method, site, origin, _) in MATRIX.into_iter().filter(|row| row.0 == "POST") {
        // The cookie, which a browser sends by itself, opens nothing.
        let forged = ask(&app, (method, site, origin, ALLOWED), "/api/whoami", Some(("cookie", &cookie))).await.ok();
        assert_eq!((forged.body.as_str(), forged.set_cookie()), ("nobody", None), "{site:?} {origin:?}");
        ask(&app, (method, site, origin, ALLOWED), "/api/note/evil", Some(("cookie", &cookie))).await.ok();
        // A page can add the header only if it knows the token.
        let mut request = Request::post("/api/whoami").header("authorization", format!("Bearer {token}"));
        for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = send(&app, request.body(Body::empty()).unwrap()).await.ok();
        assert_eq!(response.body, "program", "{site:?} {origin:?}");
    }
    assert_eq!(victim.get("/note").await.ok().body, "mine");
    assert_eq!(api.sessions.of("victim").list().await.unwrap().len(), 0);
}

#[tokio::test]
async fn r49_a_layer_that_takes_either_needs_the_guard_because_a_forged_request_has_the_cookie() {
    let deployment = Deployment::local();
    let either = Transport::either(CookieConfig::default(), TokenHeader::default());
    let node = Node::with_transport(deployment.builder(), either);
    let guard = CsrfLayer::new().add_trusted_origin("https://admin.example").unwrap();
    let app = node.app.clone().layer(guard);
    let mut victim = Browser::new(&node.app);
    victim.post("/login/victim").await.ok();
    let cookie = format!("__Host-session={}", victim.cookie.clone().unwrap());
    let forged = ("POST", Some("cross-site"), Some("https://evil.example"), FORBIDDEN);
    assert_eq!(ask(&app, forged, "/note/evil", Some(("cookie", &cookie))).await.status, FORBIDDEN);
    assert_eq!(
        ask(&node.app, forged, "/note/evil", Some(("cookie", &cookie))).await.status,
        ALLOWED,
        "without the guard"
    );
    // Clients without a browser send none of these headers, and are allowed.
    let mut bearer = BearerClient::new(&app);
    assert_eq!(bearer.post("/note/own").await.status, ALLOWED);
}
