//! Sessions of `axum_session` from the registry, on its pool for Redis.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use axum_session::{Key, Session, SessionConfig, SessionLayer, SessionStore};
use axum_session_redispool::SessionRedisPool;
use cloakroom_testbed::Server;
use cloakroom_tower_sessions::{AxumSessionStore, OldCookie, TakeOverLayer};
use http::StatusCode;
use redis_pool::SingleRedisPool;

use crate::browser::Browser;
use crate::deployment::Deployment;
use crate::shop::{convert, key, new};

/// The names of an application that configures its own.
const COOKIE: &str = "sid";
const TABLE: &str = "visitors";

fn pool(server: &Server) -> SessionRedisPool {
    SingleRedisPool::from(redis::Client::open(server.url()).unwrap()).into()
}

fn config() -> SessionConfig {
    SessionConfig::default().with_session_name(COOKIE).with_table_name(TABLE)
}

/// The application before the move.
async fn old(server: &Server, config: SessionConfig) -> Router {
    let store = SessionStore::new(Some(pool(server)), config).await.unwrap();
    let log_in = async |session: Session<SessionRedisPool>, Path(user): Path<String>| {
        session.set("user", user);
        session.set("cart", vec!["umbrella"]);
    };
    let who = async |session: Session<SessionRedisPool>| session.get::<String>("user").unwrap_or_default();
    Router::new().route("/login/{user}", get(log_in)).route("/", get(who)).layer(SessionLayer::new(store))
}

fn take_over(server: &Server, cookie: OldCookie) -> TakeOverLayer {
    let store = AxumSessionStore::new(pool(server), TABLE);
    TakeOverLayer::new(cookie.insecure(), store, key()).convert(convert)
}

#[tokio::test]
async fn a_visitor_of_axum_session_stays_logged_in() {
    let server = Server::start().await.unwrap();
    for deployment in Deployment::both() {
        let sessions = deployment.node();
        let mut before = Browser::new(&old(&server, config()).await);
        before.get("/login/alice").await.ok("");
        before.get("/").await.ok("alice");
        let app = new(&sessions, take_over(&server, OldCookie::named(COOKIE)));
        let mut tab = before.at(&app);
        tab.get("/").await.ok("alice");
        assert!(!tab.cookies.contains_key(COOKIE));
        tab.get("/add/boots").await.ok("umbrella boots");
        assert_eq!(sessions.of("alice").list().await.unwrap().len(), 1);
        tab.get("/logout").await.ok("");
        before.at(&app).get("/").await.ok("nobody");
    }
}

#[tokio::test]
async fn an_invented_id_of_axum_session_makes_no_session() {
    let server = Server::start().await.unwrap();
    for deployment in Deployment::both() {
        let sessions = deployment.node();
        let mut tab = Browser::new(&new(&sessions, take_over(&server, OldCookie::named(COOKIE))));
        tab.cookies.insert(COOKIE.into(), "00000000-0000-4000-8000-000000000000".into());
        tab.get("/").await.ok("nobody");
        assert!(tab.cookies.is_empty());
        assert_eq!(sessions.stats().created, 0);
    }
}

#[tokio::test]
async fn a_visitor_with_a_signed_cookie_of_axum_session_stays_logged_in() {
    let server = Server::start().await.unwrap();
    for deployment in Deployment::both() {
        let mut before = Browser::new(&old(&server, config().with_key(Key::generate())).await);
        before.get("/login/alice").await.ok("");
        let cookie = || OldCookie::named(COOKIE);
        let app = |cookie: OldCookie| new(&deployment.node(), take_over(&server, cookie));
        before.at(&app(cookie())).get("/").await.ok("nobody");
        let mut garbage = before.at(&app(cookie().signed_by_axum_session()));
        garbage.cookies.insert(COOKIE.into(), "short".into());
        garbage.get("/").await.ok("nobody");
        let mut tab = before.at(&app(cookie().signed_by_axum_session()));
        tab.get("/").await.ok("alice");
        assert!(!tab.cookies.contains_key(COOKIE));
    }
}

/// As an absent session, it would log its visitor out without a word.
#[tokio::test]
async fn an_encrypted_record_of_axum_session_is_an_error() {
    let server = Server::start().await.unwrap();
    for deployment in Deployment::both() {
        let mut before = Browser::new(&old(&server, config().with_database_key(Key::generate())).await);
        before.get("/login/alice").await.ok("");
        let mut tab = before.at(&new(&deployment.node(), take_over(&server, OldCookie::named(COOKIE))));
        assert_eq!(tab.get("/").await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(tab.cookies.contains_key(COOKIE));
    }
}
