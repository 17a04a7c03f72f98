//! Nested layers around one handler: layers with the same `Sessions` and carrier share the session
//! of a request.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{any, get};
use cloakroom::store::StoreErrorKind;
use cloakroom::{CookieConfig, OnStoreError, Session, SessionError, SessionLayer, Sessions, TokenHeader, Transport};
use http::header::{AUTHORIZATION, COOKIE as COOKIE_HEADER, SET_COOKIE};
use http::{Method, StatusCode};

use crate::support::{
    BearerClient, Browser, COOKIE, Count, Deployment, Kept, Note, Reply, capture, minutes, routes, send,
};

/// Middleware between the two layers that writes a value.
async fn write_outside(session: Session, request: Request, next: Next) -> Result<Response, SessionError> {
    session.set(Kept("outside".to_owned())).await?;
    Ok(next.run(request).await)
}

/// A handler inside both layers that writes a value and returns all.
async fn write_inside(session: Session) -> Result<String, SessionError> {
    session.set(Note("inside".to_owned())).await?;
    read_both(session).await
}

async fn read_both(session: Session) -> Result<String, SessionError> {
    let outside = session.get::<Kept>().await?.map_or_else(|| "nothing".to_owned(), |kept| kept.0.clone());
    let inside = session.get::<Note>().await?.map_or_else(|| "nothing".to_owned(), |note| note.0.clone());
    Ok(format!("{outside} {inside}"))
}

fn pages() -> Router {
    Router::new().route("/write", any(write_inside)).route("/read", any(read_both))
}

/// Layers with every combination of options.
fn options(sessions: &Sessions, transport: &Transport) -> Vec<SessionLayer> {
    let layer = SessionLayer::new(sessions.clone()).transport(transport.clone());
    let policies = [OnStoreError::Fail, OnStoreError::Anonymous, OnStoreError::ServeStale(minutes(1))];
    let mut all = vec![layer.clone()];
    all.extend(policies.map(|policy| layer.clone().on_store_error(policy)));
    all.extend(all.clone().into_iter().map(SessionLayer::always_refresh));
    all
}

/// Every way to nest one layer in another.
fn compositions(outer: &SessionLayer, inner: &SessionLayer) -> Vec<(&'static str, Router)> {
    let middleware = || from_fn(write_outside);
    let inner_pages = || pages().layer(inner.clone());
    vec![
        ("layer", inner_pages().layer(middleware()).layer(outer.clone())),
        ("route_layer", pages().route_layer(inner.clone()).route_layer(middleware()).layer(outer.clone())),
        ("merge", Router::new().merge(inner_pages()).route_layer(middleware()).layer(outer.clone())),
        ("fallback", Router::new().fallback_service(inner_pages()).layer(middleware()).layer(outer.clone())),
        ("three", inner_pages().layer(middleware()).layer(inner.clone()).layer(outer.clone())),
    ]
}

#[tokio::test]
async fn a_nested_layer_shares_the_outer_layers_session_with_any_options() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let transport = Transport::default();
        let all = options(&node.sessions, &transport);
        for (outer, inner) in all.iter().flat_map(|outer| all.iter().map(move |inner| (outer, inner))) {
            for (composition, app) in compositions(outer, inner) {
                let before = deployment.session_count(&node);
                let mut browser = Browser::new(&app);
                // The tests' browser rejects two `Set-Cookie` fields.
                let reply = browser.post("/write").await.ok();
                assert_eq!(reply.body, "outside inside", "{composition}: {outer:?} {inner:?}");
                assert_eq!(deployment.session_count(&node), before + 1, "{composition}: {outer:?} {inner:?}");
                assert_eq!(reply.header("cache-control"), ["no-store"], "{composition}");
                assert_eq!(reply.header("vary"), ["Cookie"], "{composition}");
                assert_eq!(browser.get("/read").await.ok().body, "outside inside", "{composition}");
            }
        }
    }
}

#[tokio::test]
async fn nested_layers_for_bearer_tokens_and_for_either_share_a_session() {
    let either = Transport::either(CookieConfig::default(), TokenHeader::default()).prefer_header();
    for deployment in Deployment::both() {
        for transport in [Transport::bearer(TokenHeader::default()), either.clone()] {
            let node = deployment.node();
            let layer = SessionLayer::new(node.sessions.clone()).transport(transport);
            for (composition, app) in compositions(&layer, &layer.clone().always_refresh()) {
                let before = deployment.session_count(&node);
                let mut client = BearerClient::new(&app);
                let reply = client.post("/write").await.ok();
                assert_eq!((reply.body.as_str(), reply.set_cookie()), ("outside inside", None), "{composition}");
                assert_eq!(deployment.session_count(&node), before + 1, "{composition}");
                assert_eq!(client.get("/read").await.ok().body, "outside inside", "{composition}");
            }
        }
    }
}

#[tokio::test]
async fn routes_with_and_without_an_inner_layer_share_the_session() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let layer = SessionLayer::new(node.sessions.clone());
        let strict = Router::new().route("/strict/read", get(read_both)).layer(layer.clone().always_refresh());
        let app = pages().merge(strict).layer(layer);
        let mut browser = Browser::new(&app);
        browser.post("/write").await.ok();
        assert_eq!(browser.get("/strict/read").await.ok().body, "nothing inside");
        assert_eq!(deployment.session_count(&node), 1);
    }
}

/// While the store is unavailable, each route follows the policy of its innermost layer.
#[tokio::test]
async fn an_inner_layer_overrides_only_the_options_that_it_sets() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let layer = SessionLayer::new(node.sessions.clone());
    let inner = [
        ("/inherits", layer.clone()),
        ("/refreshes", layer.clone().always_refresh()),
        ("/fails", layer.clone().on_store_error(OnStoreError::Fail)),
    ];
    let mut app = routes();
    for (path, layer) in inner {
        app = app.merge(Router::new().route(path, get(read_both)).layer(layer));
    }
    let app = app.layer(layer.on_store_error(OnStoreError::Anonymous));
    let mut browser = Browser::new(&app);
    browser.post("/note/inside").await.ok();
    store.inner().disconnect();
    store.fail_all(StoreErrorKind::Unavailable);
    assert_eq!(browser.get("/note").await.ok().body, "nothing");
    assert_eq!(browser.get("/inherits").await.ok().body, "nothing nothing");
    assert_eq!(browser.get("/refreshes").await.ok().body, "nothing nothing");
    assert_eq!(browser.get("/fails").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn refreshing_by_either_of_two_layers_loads_once_per_request() {
    let deployment = Deployment::shared();
    for outer_refreshes in [true, false] {
        let node = deployment.node();
        let layer = SessionLayer::new(node.sessions.clone());
        let strict = layer.clone().always_refresh();
        let (outer, inner) = if outer_refreshes { (strict, layer) } else { (layer, strict) };
        let app = pages().layer(inner).layer(outer);
        let mut browser = Browser::new(&app);
        browser.post("/write").await.ok();
        browser.get("/read").await.ok();
        let before = node.sessions.stats().store_loads;
        browser.get("/read").await.ok();
        assert_eq!(node.sessions.stats().store_loads - before, 1, "{outer_refreshes}");
    }
}

#[tokio::test]
async fn layers_with_different_cookies_keep_separate_sessions() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let layer_for = |name: &str| {
            let cookie = CookieConfig::builder().name(name).build().unwrap();
            SessionLayer::new(node.sessions.clone()).cookie(cookie)
        };
        // A handler inside a second layer for `a` gets the same session of `a`, and so on.
        let orders: [&[&str]; 4] = [&["a", "b"], &["a", "b", "a"], &["a", "b", "a", "b"], &["a", "b", "b", "a", "b"]];
        for names in orders {
            let inner = any(write_inside);
            let mut app = Router::new().route("/write", inner);
            for name in names.iter().rev() {
                // Each layer's middleware counts once.
                app = app.layer(from_fn(count)).layer(layer_for(name));
            }
            let before = deployment.session_count(&node);
            let request = http::Request::post("/write").body(Body::empty()).unwrap();
            let reply = send(&app, request).await.ok();
            let mut issued: Vec<_> =
                reply.headers.get_all(SET_COOKIE).iter().map(|field| field.to_str().unwrap()).collect();
            issued.sort_unstable();
            assert_eq!(issued.len(), 2, "{names:?}: {issued:?}");
            assert!(issued[0].starts_with("a=") && issued[1].starts_with("b="), "{names:?}: {issued:?}");
            assert_eq!(deployment.session_count(&node), before + 2, "{names:?}");
            let expected_count = |name: &str| names.iter().filter(|other| **other == name).count() as u64;
            for (field, name) in issued.iter().zip(["a", "b"]) {
                let pair = field.split(';').next().unwrap();
                let app = Router::new().route("/", any(read_count)).layer(layer_for(name));
                let request = http::Request::get("/").header(COOKIE_HEADER, pair).body(Body::empty()).unwrap();
                assert_eq!(send(&app, request).await.ok().body, expected_count(name).to_string(), "{names:?} {name}");
            }
        }
    }
}

async fn count(session: Session, request: Request, next: Next) -> Result<Response, SessionError> {
    session.update(|count: &mut Count| count.0 += 1).await?;
    Ok(next.run(request).await)
}

async fn read_count(count: Session<Count>) -> String {
    count.0.to_string()
}

/// Sends a request to `/write` or `/read` of a layer inside another one.
async fn nested(outer: &SessionLayer, inner: &SessionLayer, request: http::request::Builder) -> Reply {
    let app = pages().layer(inner.clone()).layer(from_fn(write_outside)).layer(outer.clone());
    send(&app, request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn conflicting_cookie_attributes_of_an_inner_layer_are_ignored_and_logged() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let outer = SessionLayer::new(node.sessions.clone());
        let strict = CookieConfig::builder().same_site(cloakroom::SameSite::Strict).persistent().build().unwrap();
        let inner = SessionLayer::new(node.sessions.clone()).cookie(strict);
        let (log, _guard) = capture();
        for _ in 0..3 {
            let reply = nested(&outer, &inner, http::Request::post("/write")).await.ok();
            assert_eq!(reply.body, "outside inside");
            assert!(reply.set_cookie().unwrap().ends_with("SameSite=Lax"), "{:?}", reply.set_cookie());
        }
        let text = log.text();
        assert_eq!(text.matches("with other settings, which have no effect").count(), 2, "{text}");
    }
}

#[tokio::test]
async fn a_layer_for_either_inside_one_for_cookies_shares_the_cookie_session() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let outer = SessionLayer::new(node.sessions.clone());
        let either = Transport::either(CookieConfig::default(), TokenHeader::default());
        let inner = SessionLayer::new(node.sessions.clone()).transport(either);
        // Without a token, both layers respond with a cookie.
        let reply = nested(&outer, &inner, http::Request::post("/write")).await.ok();
        assert_eq!((reply.body.as_str(), reply.token()), ("outside inside", None));
        let cookie = reply.new_cookie().unwrap().to_owned();
        let with_cookie = || http::Request::get("/read").header(COOKIE_HEADER, format!("{COOKIE}={cookie}"));
        assert_eq!(nested(&outer, &inner, with_cookie()).await.ok().body, "outside inside");
        // The outer layer ignores bearer tokens, so its session is a different one.
        let created = nested(&inner, &inner, http::Request::post("/write")).await.ok();
        let token = created.new_cookie().unwrap().to_owned();
        let bearer = format!("Bearer {token}");
        let by_bearer = || http::Request::get("/read").header(AUTHORIZATION, &bearer);
        assert_eq!(nested(&outer, &inner, by_bearer()).await.ok().body, "outside inside");
        // The inner layer sees both and rejects them as ambiguous, whatever the outer layer did
        // with the cookie.
        let both = nested(&outer, &inner, with_cookie().header(AUTHORIZATION, &bearer)).await;
        assert_eq!(both.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_bearer_layer_never_uses_a_cookie_session_of_an_outer_layer() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let either = Transport::either(CookieConfig::default(), TokenHeader::default());
        let outer = SessionLayer::new(node.sessions.clone()).transport(either);
        let inner = SessionLayer::new(node.sessions.clone()).transport(Transport::bearer(TokenHeader::default()));
        let reply = nested(&outer, &outer, http::Request::post("/write")).await.ok();
        let cookie = format!("{COOKIE}={}", reply.new_cookie().unwrap());
        // Routes of a bearer layer need no protection against cross-site requests, so they must not
        // accept a cookie.
        let by_cookie = http::Request::get("/read").header(COOKIE_HEADER, cookie);
        assert_eq!(nested(&outer, &inner, by_cookie).await.ok().body, "nothing nothing");
        let created = nested(&outer, &inner, http::Request::post("/write")).await.ok();
        assert_eq!((created.body.as_str(), created.token().is_some()), ("nothing inside", true));
    }
}

#[tokio::test]
async fn different_sessions_under_one_cookie_are_logged() {
    let deployment = Deployment::local();
    let (one, other) = (deployment.node(), deployment.node());
    let (outer, inner) = (SessionLayer::new(one.sessions), SessionLayer::new(other.sessions));
    let (log, _guard) = capture();
    let app = pages().layer(inner).layer(outer);
    for method in [Method::GET, Method::POST] {
        let request = http::Request::builder().method(method).uri("/read").body(Body::empty()).unwrap();
        send(&app, request).await.ok();
    }
    let text = log.text();
    assert!(text.contains("layers with different `Sessions` use the same cookie or header"), "{text}");
}
