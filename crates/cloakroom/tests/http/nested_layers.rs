//! Several layers around one handler: those of one `Sessions` and one carrier share the session of a request.

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

use crate::support::{Browser, COOKIE, Count, Deployment, Kept, Note, Program, Reply, capture, minutes, routes, send};

/// What a middleware between two layers writes.
async fn write_outside(session: Session, request: Request, next: Next) -> Result<Response, SessionError> {
    session.set(Kept("outside".to_owned())).await?;
    Ok(next.run(request).await)
}

/// What a handler inside of both layers writes and sees.
async fn write_inside(session: Session) -> Result<String, SessionError> {
    session.set(Note("inside".to_owned())).await?;
    both(session).await
}

async fn both(session: Session) -> Result<String, SessionError> {
    let outside = session.get::<Kept>().await?.map_or_else(|| "nothing".to_owned(), |kept| kept.0.clone());
    let inside = session.get::<Note>().await?.map_or_else(|| "nothing".to_owned(), |note| note.0.clone());
    Ok(format!("{outside} {inside}"))
}

fn pages() -> Router {
    Router::new().route("/write", any(write_inside)).route("/read", any(both))
}

/// Every combination of what a layer may be told.
fn options(sessions: &Sessions, transport: &Transport) -> Vec<SessionLayer> {
    let layer = SessionLayer::new(sessions.clone()).transport(transport.clone());
    let answers = [OnStoreError::Fail, OnStoreError::Anonymous, OnStoreError::ServeStale(minutes(1))];
    let mut all = vec![layer.clone()];
    all.extend(answers.map(|answer| layer.clone().on_store_error(answer)));
    all.extend(all.clone().into_iter().map(SessionLayer::always_refresh));
    all
}

/// Every way to put one layer inside of another.
fn compositions(outer: &SessionLayer, inner: &SessionLayer) -> Vec<(&'static str, Router)> {
    let middleware = || from_fn(write_outside);
    let inside = || pages().layer(inner.clone());
    vec![
        ("layer", inside().layer(middleware()).layer(outer.clone())),
        ("route_layer", pages().route_layer(inner.clone()).route_layer(middleware()).layer(outer.clone())),
        ("merge", Router::new().merge(inside()).route_layer(middleware()).layer(outer.clone())),
        ("fallback", Router::new().fallback_service(inside()).layer(middleware()).layer(outer.clone())),
        ("three", inside().layer(middleware()).layer(inner.clone()).layer(outer.clone())),
    ]
}

#[tokio::test]
async fn a_layer_inside_of_another_takes_up_its_session_whatever_their_options() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let transport = Transport::default();
        let all = options(&node.sessions, &transport);
        for (outer, inner) in all.iter().flat_map(|outer| all.iter().map(move |inner| (outer, inner))) {
            for (how, app) in compositions(outer, inner) {
                let before = deployment.population(&node);
                let mut browser = Browser::new(&app);
                // The browser of the tests refuses two `Set-Cookie`.
                let reply = browser.post("/write").await.ok();
                assert_eq!(reply.body, "outside inside", "{how}: {outer:?} {inner:?}");
                assert_eq!(deployment.population(&node), before + 1, "{how}: {outer:?} {inner:?}");
                assert_eq!(reply.header("cache-control"), ["no-store"], "{how}");
                assert_eq!(reply.header("vary"), ["Cookie"], "{how}");
                assert_eq!(browser.get("/read").await.ok().body, "outside inside", "{how}");
            }
        }
    }
}

#[tokio::test]
async fn layers_for_bearer_tokens_and_for_either_share_as_those_for_cookies() {
    let either = Transport::either(CookieConfig::default(), TokenHeader::default()).prefer_header();
    for deployment in Deployment::both() {
        for transport in [Transport::bearer(TokenHeader::default()), either.clone()] {
            let node = deployment.node();
            let layer = SessionLayer::new(node.sessions.clone()).transport(transport);
            for (how, app) in compositions(&layer, &layer.clone().always_refresh()) {
                let before = deployment.population(&node);
                let mut program = Program::new(&app);
                let reply = program.post("/write").await.ok();
                assert_eq!((reply.body.as_str(), reply.set_cookie()), ("outside inside", None), "{how}");
                assert_eq!(deployment.population(&node), before + 1, "{how}");
                assert_eq!(program.get("/read").await.ok().body, "outside inside", "{how}");
            }
        }
    }
}

#[tokio::test]
async fn routes_without_an_inner_layer_beside_routes_with_one_share_the_session() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let layer = SessionLayer::new(node.sessions.clone());
        let strict = Router::new().route("/strict/read", get(both)).layer(layer.clone().always_refresh());
        let app = pages().merge(strict).layer(layer);
        let mut browser = Browser::new(&app);
        browser.post("/write").await.ok();
        assert_eq!(browser.get("/strict/read").await.ok().body, "nothing inside");
        assert_eq!(deployment.population(&node), 1);
    }
}

/// Where the shared tier is away, what each route says.
#[tokio::test]
async fn an_inner_layer_changes_the_options_that_it_names_and_no_others() {
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
        app = app.merge(Router::new().route(path, get(both)).layer(layer));
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
async fn an_inner_layer_that_refreshes_asks_once_and_one_outside_is_inherited() {
    let deployment = Deployment::shared();
    for outside in [true, false] {
        let node = deployment.node();
        let layer = SessionLayer::new(node.sessions.clone());
        let strict = layer.clone().always_refresh();
        let (outer, inner) = if outside { (strict, layer) } else { (layer, strict) };
        let app = pages().layer(inner).layer(outer);
        let mut browser = Browser::new(&app);
        browser.post("/write").await.ok();
        browser.get("/read").await.ok();
        let before = node.sessions.stats().store_loads;
        browser.get("/read").await.ok();
        assert_eq!(node.sessions.stats().store_loads - before, 1, "{outside}");
    }
}

#[tokio::test]
async fn different_cookies_stay_two_sessions_however_they_are_nested() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let of = |name: &str| {
            let cookie = CookieConfig::builder().name(name).build().unwrap();
            SessionLayer::new(node.sessions.clone()).cookie(cookie)
        };
        // A handler inside of a layer for `a` again is given the session of `a`, and so on.
        let orders: [&[&str]; 4] = [&["a", "b"], &["a", "b", "a"], &["a", "b", "a", "b"], &["a", "b", "b", "a", "b"]];
        for names in orders {
            let inner = any(write_inside);
            let mut app = Router::new().route("/write", inner);
            for name in names.iter().rev() {
                // Between any two layers, everybody counts.
                app = app.layer(from_fn(count)).layer(of(name));
            }
            let before = deployment.population(&node);
            let request = http::Request::post("/write").body(Body::empty()).unwrap();
            let reply = send(&app, request).await.ok();
            let mut given: Vec<_> =
                reply.headers.get_all(SET_COOKIE).iter().map(|field| field.to_str().unwrap()).collect();
            given.sort_unstable();
            assert_eq!(given.len(), 2, "{names:?}: {given:?}");
            assert!(given[0].starts_with("a=") && given[1].starts_with("b="), "{names:?}: {given:?}");
            assert_eq!(deployment.population(&node), before + 2, "{names:?}");
            let counted = |name: &str| names.iter().filter(|other| **other == name).count() as u64;
            for (field, name) in given.iter().zip(["a", "b"]) {
                let pair = field.split(';').next().unwrap();
                let app = Router::new().route("/", any(read_count)).layer(of(name));
                let request = http::Request::get("/").header(COOKIE_HEADER, pair).body(Body::empty()).unwrap();
                assert_eq!(send(&app, request).await.ok().body, counted(name).to_string(), "{names:?} {name}");
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

/// A request to `/write` or `/read` of a layer inside of another one.
async fn nested(outer: &SessionLayer, inner: &SessionLayer, request: http::request::Builder) -> Reply {
    let app = pages().layer(inner.clone()).layer(from_fn(write_outside)).layer(outer.clone());
    send(&app, request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_same_cookie_with_other_attributes_is_the_outer_layers_and_is_warned_of_once() {
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
async fn a_layer_for_either_inside_of_one_for_cookies_shares_what_both_take() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let outer = SessionLayer::new(node.sessions.clone());
        let either = Transport::either(CookieConfig::default(), TokenHeader::default());
        let inner = SessionLayer::new(node.sessions.clone()).transport(either);
        // Without a token, both would answer by cookie.
        let reply = nested(&outer, &inner, http::Request::post("/write")).await.ok();
        assert_eq!((reply.body.as_str(), reply.token()), ("outside inside", None));
        let cookie = reply.given().unwrap().to_owned();
        let with_cookie = || http::Request::get("/read").header(COOKIE_HEADER, format!("{COOKIE}={cookie}"));
        assert_eq!(nested(&outer, &inner, with_cookie()).await.ok().body, "outside inside");
        // A bearer token is none for the outer layer: the program's session is another one.
        let program = nested(&inner, &inner, http::Request::post("/write")).await.ok();
        let token = program.given().unwrap().to_owned();
        let bearer = format!("Bearer {token}");
        let by_bearer = || http::Request::get("/read").header(AUTHORIZATION, &bearer);
        assert_eq!(nested(&outer, &inner, by_bearer()).await.ok().body, "outside inside");
        // Both contradict each other for the inner layer, whatever the outer one made of it.
        let both = nested(&outer, &inner, with_cookie().header(AUTHORIZATION, &bearer)).await;
        assert_eq!(both.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_layer_for_bearer_tokens_never_gets_the_session_of_a_cookie_from_one_outside() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let either = Transport::either(CookieConfig::default(), TokenHeader::default());
        let outer = SessionLayer::new(node.sessions.clone()).transport(either);
        let inner = SessionLayer::new(node.sessions.clone()).transport(Transport::bearer(TokenHeader::default()));
        let reply = nested(&outer, &outer, http::Request::post("/write")).await.ok();
        let cookie = format!("{COOKIE}={}", reply.given().unwrap());
        // Its routes need no guard against requests from other sites, hence may not go by a cookie.
        let by_cookie = http::Request::get("/read").header(COOKIE_HEADER, cookie);
        assert_eq!(nested(&outer, &inner, by_cookie).await.ok().body, "nothing nothing");
        let created = nested(&outer, &inner, http::Request::post("/write")).await.ok();
        assert_eq!((created.body.as_str(), created.token().is_some()), ("nothing inside", true));
    }
}

#[tokio::test]
async fn other_sessions_under_the_same_cookie_are_warned_of() {
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
