//! R68, R69: tasks that the library leaves to the application, done as the guide shows.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use cloakroom::{RecentLogin, Session, SessionError, SessionLayer, SessionValue, Sessions};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use tower_http::csrf::CsrfLayer;

use crate::support::{Browser, COOKIE, Deployment, Node, Reply, capture, routes, secs, send};

/// The browser of a user at login, coarsely: no version, no address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LooksLike(String);

impl SessionValue for LooksLike {
    const KEY: &'static str = "looks-like";
}

impl LooksLike {
    fn of(request: &Request) -> Self {
        let agent = request.headers().get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let browser = ["Firefox", "Edg", "Chrome", "Safari"].into_iter().find(|name| agent.contains(name));
        let system = ["Windows", "Mac OS", "Android", "Linux"].into_iter().find(|name| agent.contains(name));
        Self(format!("{} on {}", browser.unwrap_or("?"), system.unwrap_or("?")))
    }
}

/// Ends the session if its token comes from another browser than at login. That is a signal, not a
/// proof of theft.
async fn look_twice(session: Session, request: Request, next: Next) -> Result<Response, SessionError> {
    let now = LooksLike::of(&request);
    match session.get::<LooksLike>().await? {
        Some(then) if *then != now && session.principal().await?.is_some() => {
            session.destroy().await?;
            Ok(StatusCode::UNAUTHORIZED.into_response())
        }
        Some(_) => Ok(next.run(request).await),
        None => {
            let response = next.run(request).await;
            if session.principal().await?.is_some() {
                session.set(now).await?;
            }
            Ok(response)
        }
    }
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const NEXT_FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0";
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36";

async fn post_with_headers(app: &Router, browser: &mut Browser, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = http::Request::builder().method(Method::POST).uri(path).header("host", "shop.example");
    if let Some(cookie) = &browser.cookie {
        request = request.header("cookie", format!("{COOKIE}={cookie}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let reply = send(app, request.body(axum::body::Body::empty()).unwrap()).await;
    if let Some(issued) = reply.new_cookie() {
        browser.cookie = (!issued.is_empty()).then(|| issued.to_owned());
    }
    reply
}

#[tokio::test]
async fn r68_another_browser_is_a_signal_and_what_anybody_can_forge_is_none() {
    for deployment in Deployment::both() {
        let sessions = deployment.builder().build().unwrap();
        let app = Node::with_sessions(sessions, routes().layer(from_fn(look_twice)));
        let mut alice = Browser::new(&app);
        post_with_headers(&app, &mut alice, "/login/alice", &[("user-agent", FIREFOX)]).await.ok();
        for headers in [
            vec![("user-agent", FIREFOX)],
            vec![("user-agent", NEXT_FIREFOX)],
            vec![("user-agent", FIREFOX), ("x-forwarded-for", "203.0.113.9"), ("x-real-ip", "203.0.113.9")],
            vec![("user-agent", FIREFOX), ("forwarded", "for=203.0.113.9"), ("cf-ipcountry", "XX")],
        ] {
            assert_eq!(
                post_with_headers(&app, &mut alice, "/whoami", &headers).await.ok().body,
                "alice",
                "{headers:?}"
            );
        }
        let mut attacker = alice.clone();
        let reply = post_with_headers(&app, &mut attacker, "/whoami", &[("user-agent", CHROME)]).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            post_with_headers(&app, &mut alice, "/whoami", &[("user-agent", FIREFOX)]).await.ok().body,
            "nobody"
        );
    }
}

#[tokio::test]
async fn r68_nothing_of_the_kind_happens_by_itself() {
    let node = Deployment::local().node();
    let mut alice = Browser::new(&node.app);
    post_with_headers(&node.app, &mut alice, "/login/alice", &[("user-agent", FIREFOX)]).await.ok();
    let headers = [("user-agent", CHROME), ("x-forwarded-for", "203.0.113.9")];
    assert_eq!(post_with_headers(&node.app, &mut alice, "/whoami", &headers).await.ok().body, "alice");
}

/// Ends another user's session, and logs who did it.
async fn end_device(
    admin: RecentLogin<300>,
    State(sessions): State<Sessions>,
    Path((user, id)): Path<(String, String)>,
) -> Result<StatusCode, SessionError> {
    let Ok(id) = id.parse() else { return Ok(StatusCode::NOT_FOUND) };
    let ended = sessions.of(user).revoke(id).await?;
    tracing::info!(actor = admin.principal().as_str(), ended, "a session was ended by an administrator");
    Ok(if ended { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}

/// The application's own rule for administrators.
async fn require_admin(session: Session, request: Request, next: Next) -> Result<Response, SessionError> {
    Ok(match session.principal().await? {
        Some(user) if user.as_str() == "root" => next.run(request).await,
        Some(_) => StatusCode::FORBIDDEN.into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    })
}

/// The administration routes: they ask the store on every request, and reject cross-origin
/// requests.
fn admin(sessions: &Sessions) -> Router {
    Router::new()
        .route("/admin/end/{user}/{id}", post(end_device))
        .with_state(sessions.clone())
        .layer(from_fn(require_admin))
        .layer(SessionLayer::new(sessions.clone()).always_refresh())
        .layer(CsrfLayer::new())
}

#[tokio::test]
async fn r69_administration_is_mounted_by_hand_and_guarded_four_times() {
    for deployment in Deployment::both() {
        let (log, _guard) = capture();
        let node = deployment.node();
        let app = node.app.clone().merge(admin(&node.sessions));
        let mut browsers = Vec::new();
        for user in ["root", "alice", "bob"] {
            let mut browser = Browser::new(&app);
            browser.post(&format!("/login/{user}")).await.ok();
            browsers.push(browser);
        }
        let [root, alice, bob] = &mut browsers[..] else { unreachable!() };
        let id = node.sessions.of("bob").list().await.unwrap()[0].id;
        let path = format!("/admin/end/bob/{id}");
        assert_eq!(
            Browser::new(&node.app).post(&path).await.status,
            StatusCode::NOT_FOUND,
            "the route does not exist unless mounted"
        );
        assert_eq!(Browser::new(&app).post(&path).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(alice.post(&path).await.status, StatusCode::FORBIDDEN);
        let forged = post_with_headers(&app, root, &path, &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN);
        deployment.clock.advance(secs(301));
        assert_eq!(root.post(&path).await.status, StatusCode::UNAUTHORIZED, "the login is not recent enough");
        assert_eq!(bob.get("/whoami").await.ok().body, "bob", "no refused request has ended the session");
        root.post("/login/root").await.ok();
        assert_eq!(root.post(&path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(bob.get("/whoami").await.ok().body, "nobody");
        let text = log.text();
        assert!(text.contains("actor=root") && text.contains("ended=true"), "{text}");
    }
}
