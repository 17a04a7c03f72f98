//! R49, R51, R52: what changes something must come from our own pages, by the `csrf` layer of `tower-http` around
//! ours; and so must the handshake of a WebSocket, by an extractor.

use axum::Router;
use axum::body::Body;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use cloakroom::{CookieConfig, SameOrigin, Session, SessionLayer, TokenHeader, Transport};
use http::header::{ORIGIN, VARY};
use http::{HeaderValue, Method, Request, StatusCode};
use tower_http::csrf::CsrfLayer;

use crate::support::{Browser, Deployment, Node, Program, Reply, routes, send};

const PASS: StatusCode = StatusCode::OK;
const STOP: StatusCode = StatusCode::FORBIDDEN;

/// Method, `Sec-Fetch-Site`, `Origin`, what is answered.
type Row = (&'static str, Option<&'static str>, Option<&'static str>, StatusCode);

/// The host is `shop.example`, and `https://admin.example` is trusted.
const MATRIX: [Row; 45] = [
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

/// How a client carries its session, and whether other sites can make its browser do so.
#[derive(Clone, Copy, Debug)]
struct Carrier {
    header: &'static str,
    prefix: &'static str,
}

/// What a browser sends of itself goes through the whole matrix; what a page has to add is further down.
const CARRIERS: [Carrier; 1] = [Carrier { header: "cookie", prefix: "__Host-session=" }];

/// What the guide composes: the layer alone, or with what it leaves to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    Alone,
    /// For a site that is on HTTPS only, with `Vary`.
    Hardened,
}

/// A page on plain HTTP is none of ours: whoever is on the visitor's network can make one up.
async fn https_only(request: Request<Body>, next: Next) -> Response {
    let origins = request.headers().get_all(ORIGIN);
    if origins.iter().any(|origin| origin.as_bytes().starts_with(b"http://")) {
        return STOP.into_response();
    }
    next.run(request).await
}

async fn vary(mut response: Response) -> Response {
    response.headers_mut().append(VARY, HeaderValue::from_static("Sec-Fetch-Site, Origin"));
    response
}

fn guarded(guard: Guard) -> (Router, Deployment, Node) {
    let deployment = Deployment::local();
    let node = deployment.node();
    let csrf = CsrfLayer::new().add_trusted_origin("https://admin.example").unwrap();
    let app = node.app.clone().layer(csrf);
    let app = match guard {
        Guard::Alone => app,
        Guard::Hardened => app.layer(from_fn(https_only)).layer(map_response(vary)),
    };
    (app, deployment, node)
}

/// What the guard answers to a row.
fn expected(guard: Guard, (_, _, origin, expected): Row) -> StatusCode {
    match (guard, origin) {
        (Guard::Hardened, Some(origin)) if origin.starts_with("http://") => STOP,
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
        for guard in [Guard::Alone, Guard::Hardened] {
            let (app, _, node) = guarded(guard);
            let mut alice = Browser::new(&node.app);
            alice.post("/login/alice").await.ok();
            let carried = format!("{}{}", carrier.prefix, alice.cookie.clone().unwrap());
            for row in MATRIX {
                let before = node.sessions.stats().commits;
                let safe = ["GET", "HEAD", "OPTIONS"].contains(&row.0);
                let path = if safe { "/note" } else { "/note/changed" };
                let reply = ask(&app, row, path, Some((carrier.header, &carried))).await;
                let expected = expected(guard, row);
                // `OPTIONS` has no route of its own here; that it got as far as the routes is what counts.
                assert_eq!(reply.status != STOP, expected == PASS, "{carrier:?} {guard:?} {row:?}: {}", reply.status);
                let changed = node.sessions.stats().commits > before;
                assert_eq!(changed, expected == PASS && !safe, "{carrier:?} {guard:?} {row:?}");
                if guard == Guard::Hardened {
                    let vary = reply.header("vary").join(", ");
                    assert!(vary.contains("Sec-Fetch-Site, Origin"), "{row:?}: {vary}");
                }
            }
        }
    }
}

#[tokio::test]
async fn r52_a_forged_login_without_any_session_is_stopped_too() {
    for guard in [Guard::Alone, Guard::Hardened] {
        let (app, _, node) = guarded(guard);
        for row in MATRIX.into_iter().filter(|row| row.0 == "POST") {
            let before = node.sessions.stats().created;
            let reply = ask(&app, row, "/login/mallory", None).await;
            let expected = expected(guard, row);
            assert_eq!(reply.status, expected, "{guard:?} {row:?}");
            assert_eq!(reply.set_cookie().is_some(), expected == PASS, "{guard:?} {row:?}");
            assert_eq!(node.sessions.stats().created > before, expected == PASS, "{guard:?} {row:?}");
        }
    }
}

/// `Sec-Fetch-Site`, `Origin`, and whether a handler with [`SameOrigin`] runs, whatever the method.
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
    // No browser.
    (None, None, true),
];

#[tokio::test]
async fn r51_a_handshake_passes_only_from_our_own_pages() {
    let handler = any(async |_: SameOrigin, session: Session| session.exists().await.map(|exists| exists.to_string()));
    let deployment = Deployment::local();
    let node = Node::with_routes(deployment.builder(), routes().route("/socket", handler));
    // The layer lets every handshake pass, because it is a `GET`.
    let app = node.app.clone().layer(CsrfLayer::new());
    for carrier in CARRIERS {
        let mut alice = Browser::new(&node.app);
        alice.post("/login/alice").await.ok();
        let carried = format!("{}{}", carrier.prefix, alice.cookie.clone().unwrap());
        for (site, origin, passes) in HANDSHAKES {
            let reply = ask(&app, ("GET", site, origin, PASS), "/socket", Some((carrier.header, &carried))).await;
            assert_eq!(reply.status == PASS, passes, "{site:?} {origin:?}: {}", reply.status);
            if !passes {
                assert_eq!(reply.status, STOP);
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
    let bearer = || Transport::bearer(TokenHeader::default());
    let insecure = socket().layer(layer(Transport::cookie(CookieConfig::insecure_for_localhost())));
    let secure = socket().layer(layer(Transport::default()));
    let (program, without) = (socket().layer(layer(bearer())), socket());
    for (app, what, host, expected) in [
        (&insecure, "insecure", "192.168.1.5:3000", PASS),
        (&insecure, "insecure", "localhost:3000", PASS),
        (&secure, "secure", "localhost:3000", STOP),
        (&secure, "secure", "shop.example", STOP),
        (&program, "bearer", "shop.example", STOP),
        (&program, "bearer", "127.0.0.1:3000", PASS),
        (&without, "no layer", "shop.example", STOP),
        (&without, "no layer", "localhost", PASS),
        (&without, "no layer", "shop.localhost:3000", PASS),
        (&without, "no layer", "[::1]:3000", PASS),
        (&without, "no layer", "localhost.example", STOP),
        (&without, "no layer", "127.0.0.1.example", STOP),
        (&without, "no layer", "notlocalhost", STOP),
    ] {
        for (scheme, expected) in [("http", expected), ("https", PASS)] {
            let origin = format!("{scheme}://{host}");
            let request = Request::get("/socket").header("host", host).header("origin", &origin);
            let status = send(app, request.body(Body::empty()).unwrap()).await.status;
            assert_eq!(status, expected, "{what}: {origin}");
        }
    }
    // Where the request says that it came by HTTPS, nothing else is ours.
    let request = Request::get("https://localhost/socket").header("origin", "http://localhost");
    assert_eq!(send(&insecure, request.body(Body::empty()).unwrap()).await.status, STOP);
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
        assert_eq!(send(&app, request).await.status, STOP, "{name}: {first}, {second}");
    }
}

/// Pages behind the guard, and an API for bearer tokens beside it, under `/api`, of the same sessions.
fn pages_and_api() -> (Router, Node) {
    let (pages, deployment, node) = guarded(Guard::Alone);
    let api = Node::with_transport(deployment.builder(), Transport::bearer(TokenHeader::default()));
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
        let forged = ask(&app, (method, site, origin, PASS), "/api/whoami", Some(("cookie", &cookie))).await.ok();
        assert_eq!((forged.body.as_str(), forged.set_cookie()), ("nobody", None), "{site:?} {origin:?}");
        ask(&app, (method, site, origin, PASS), "/api/note/evil", Some(("cookie", &cookie))).await.ok();
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
    let deployment = Deployment::local();
    let either = Transport::either(CookieConfig::default(), TokenHeader::default());
    let node = Node::with_transport(deployment.builder(), either);
    let guard = CsrfLayer::new().add_trusted_origin("https://admin.example").unwrap();
    let app = node.app.clone().layer(guard);
    let mut victim = Browser::new(&node.app);
    victim.post("/login/victim").await.ok();
    let cookie = format!("__Host-session={}", victim.cookie.clone().unwrap());
    let forged = ("POST", Some("cross-site"), Some("https://evil.example"), STOP);
    assert_eq!(ask(&app, forged, "/note/evil", Some(("cookie", &cookie))).await.status, STOP);
    assert_eq!(ask(&node.app, forged, "/note/evil", Some(("cookie", &cookie))).await.status, PASS, "without it");
    // Programs send none of what browsers add, and pass.
    let mut program = Program::new(&app);
    assert_eq!(program.post("/note/own").await.status, PASS);
}
