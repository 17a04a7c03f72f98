//! Visitors of the application before its move, afterwards.

use std::time::{Duration, SystemTime};

use axum::Router;
use cloakroom::Principal;
use cloakroom_migration::{after, before};
use cloakroom_testkit::TestClient;
use tempfile::TempDir;
use tower_sessions_sqlx_store::sqlx::SqlitePool;
use tower_sessions_sqlx_store::sqlx::sqlite::SqliteConnectOptions;

const ADA: [(&str, &str); 2] = [("name", "ada"), ("password", "correct horse")];

struct Move {
    folder: TempDir,
    pool: SqlitePool,
    before: Router,
}

impl Move {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let options = SqliteConnectOptions::new().filename(folder.path().join("old.db")).create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let before = before::app(pool.clone()).await.unwrap();
        Self { folder, pool, before }
    }

    async fn after(&self, move_: SystemTime) -> Router {
        let file = self.folder.path().join("sessions.db");
        after::app(file.to_str().unwrap(), self.pool.clone(), [7; 32], move_).await.unwrap()
    }

    /// A visitor of the old application who is logged in and has something in the cart.
    async fn visitor(&self) -> TestClient {
        let tab = TestClient::new(&self.before);
        tab.post("/cart/umbrella").await;
        assert_eq!(tab.post("/login").form(&ADA).follow_redirects().await.text(), "ada");
        tab
    }

    async fn old_sessions(&self) -> i64 {
        let count = "SELECT COUNT(*) FROM tower_sessions";
        tower_sessions_sqlx_store::sqlx::query_scalar(count).fetch_one(&self.pool).await.unwrap()
    }
}

/// Another client with the cookie that this one has.
fn with_old_cookie(app: &Router, visitor: &TestClient) -> TestClient {
    let other = TestClient::new(app);
    other.set_cookie(&format!("id={}; Path=/; Secure; HttpOnly", visitor.cookie("id").unwrap()));
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_stays_logged_in_and_keeps_the_cart() {
    let move_ = Move::new().await;
    let before = move_.visitor().await;
    let tab = before.at(&move_.after(SystemTime::now()).await);
    assert_eq!(tab.get("/account").await.text(), "ada");
    assert_eq!((tab.cookie("id"), move_.old_sessions().await), (None, 0));
    let principal = tab.in_session(async |session| session.principal().await.unwrap()).await;
    assert_eq!(principal.as_ref().map(Principal::as_str), Some("17"));
    tab.post("/cart/boots").await;
    tab.restart();
    assert_eq!(tab.get("/cart").await.text(), "umbrella boots");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_after_the_move_is_final() {
    let move_ = Move::new().await;
    let before = move_.visitor().await;
    let app = move_.after(SystemTime::now()).await;
    let old = with_old_cookie(&app, &before);
    let tab = before.at(&app);
    tab.post("/logout").await;
    for client in [&tab, &old] {
        assert_eq!(client.get("/account").await.header("location"), Some("/login?next=%2Faccount"));
        assert_eq!(client.get("/cart").await.text(), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_visitor_is_served_as_before() {
    let move_ = Move::new().await;
    let app = move_.after(SystemTime::now()).await;
    for app in [&move_.before, &app] {
        let tab = TestClient::new(app);
        assert_eq!(tab.get("/account").await.header("location"), Some("/login?next=%2Faccount"));
        assert_eq!(tab.post("/login").form(&[("name", "ada"), ("password", "wrong")]).await.status(), 401);
        tab.post("/cart/hat").await;
        assert_eq!(tab.post("/login").form(&ADA).follow_redirects().await.text(), "ada");
        assert_eq!(tab.get("/cart").await.text(), "hat");
        assert_eq!(tab.post("/logout").follow_redirects().await.text(), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_cookie_opens_nothing_after_the_end_of_the_take_over() {
    let move_ = Move::new().await;
    let before = move_.visitor().await;
    let long_ago = SystemTime::now() - Duration::from_secs(15 * 24 * 60 * 60);
    let tab = before.at(&move_.after(long_ago).await);
    assert_eq!(tab.get("/cart").await.text(), "");
    assert_eq!((tab.cookie("id"), move_.old_sessions().await), (None, 1));
}
