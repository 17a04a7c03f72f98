//! `axum-login` from the registry, through every route that its documentation shows.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Form, Router};
use axum_login::{AuthManager, AuthUser, AuthnBackend, AuthzBackend, login_required, permission_required};
use cloakroom::{Principal, Sessions};
use cloakroom_tower_sessions::{Data, TowerSessionsLayer};
use http::StatusCode;
use parking_lot::Mutex;
use serde::Deserialize;
use tower::layer::layer_fn;
use tower_sessions::Session;

use crate::browser::Browser;
use crate::deployment::{Deployment, on_layer};

#[derive(Clone, Debug)]
struct User {
    id: i64,
    name: String,
    password: String,
}

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.password.as_bytes()
    }
}

#[derive(Clone, Deserialize)]
struct Credentials {
    name: String,
    password: String,
    next: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct Backend(Arc<Mutex<BTreeMap<String, User>>>);

impl Backend {
    fn with_users() -> Self {
        let backend = Self::default();
        for (id, name) in [(1, "alice"), (2, "bob")] {
            let user = User { id, name: name.into(), password: "old".into() };
            backend.0.lock().insert(name.into(), user);
        }
        backend
    }

    fn change_password(&self, name: &str, password: &str) {
        self.0.lock().get_mut(name).unwrap().password = password.into();
    }
}

impl AuthnBackend for Backend {
    type User = User;
    type Credentials = Credentials;
    type Error = Infallible;

    async fn authenticate(&self, credentials: Credentials) -> Result<Option<User>, Infallible> {
        let user = self.0.lock().get(&credentials.name).cloned();
        Ok(user.filter(|user| user.password == credentials.password))
    }

    async fn get_user(&self, id: &i64) -> Result<Option<User>, Infallible> {
        Ok(self.0.lock().values().find(|user| user.id == *id).cloned())
    }
}

impl AuthzBackend for Backend {
    type Permission = String;

    async fn get_user_permissions(&self, user: &User) -> Result<HashSet<String>, Infallible> {
        Ok(HashSet::from_iter((user.name == "alice").then(|| "restricted.read".to_owned())))
    }
}

type AuthSession = axum_login::AuthSession<Backend>;

async fn log_in(mut auth: AuthSession, Form(credentials): Form<Credentials>) -> impl IntoResponse {
    let next = credentials.next.clone();
    let user = match auth.authenticate(credentials).await {
        Ok(Some(user)) => user,
        Ok(None) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    if auth.login(&user).await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    Redirect::to(next.as_deref().unwrap_or("/")).into_response()
}

async fn log_out(mut auth: AuthSession) -> impl IntoResponse {
    match auth.logout().await {
        Ok(_) => Redirect::to("/login").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn who(auth: AuthSession) -> String {
    auth.user.map_or_else(|| "nobody".to_owned(), |user| user.name)
}

async fn keep_in_cart(session: Session) {
    session.insert("cart", "umbrella").await.unwrap();
}

async fn cart(session: Session) -> String {
    session.get::<String>("cart").await.unwrap().unwrap_or_else(|| "empty".into())
}

/// The application of the documentation, without a session layer.
fn routes(backend: Backend) -> Router {
    let auth = layer_fn(move |inner| AuthManager::new(inner, backend.clone(), "axum-login.data"));
    let readers = || Router::new().route("/restricted", get(|| async { "for readers" }));
    let users = || Router::new().route("/protected", get(who));
    Router::new()
        .merge(readers().route_layer(permission_required!(Backend, login_url = "/login", "restricted.read")))
        .merge(users().route_layer(login_required!(Backend, login_url = "/login")))
        .nest("/api", readers().route_layer(permission_required!(Backend, "restricted.read")))
        .nest("/api", users().route_layer(login_required!(Backend)))
        .route("/", get(who))
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/cart", get(cart).post(keep_in_cart))
        .layer(auth)
}

fn principal(data: &Data) -> Option<Principal> {
    Some(Principal::new(data.get("axum-login.data")?.get("user_id")?.as_i64()?.to_string()))
}

/// The application on Cloakroom, with and without knowledge of its principals.
fn apps(sessions: &Sessions, backend: &Backend) -> [Router; 2] {
    [TowerSessionsLayer::new(), TowerSessionsLayer::new().principal(principal)]
        .map(|layer| on_layer(sessions, layer, routes(backend.clone())))
}

const ALICE: &str = "name=alice&password=old";

#[tokio::test]
async fn a_user_logs_in_and_out() {
    for deployment in Deployment::both() {
        for app in apps(&deployment.node(), &Backend::with_users()) {
            let mut tab = Browser::new(&app);
            tab.get("/").await.ok("nobody");
            tab.post("/login", "name=alice&password=wrong").await.is(StatusCode::UNAUTHORIZED, "");
            assert_eq!(tab.token(), None, "a failed login leaves no session");
            tab.post("/login", ALICE).await.redirects_to("/");
            tab.get("/").await.ok("alice");
            let logged_in = tab.clone();
            tab.post("/logout", "").await.redirects_to("/login");
            assert_eq!(tab.token(), None);
            logged_in.clone().get("/").await.ok("nobody");
        }
    }
}

#[tokio::test]
async fn protected_routes_redirect_to_the_login_and_back() {
    for deployment in Deployment::both() {
        for app in apps(&deployment.node(), &Backend::with_users()) {
            let mut tab = Browser::new(&app);
            tab.get("/protected?page=2").await.redirects_to("/login?next=%2Fprotected%3Fpage%3D2");
            tab.get("/api/protected").await.is(StatusCode::UNAUTHORIZED, "");
            tab.post("/login", "name=alice&password=old&next=%2Fprotected%3Fpage%3D2")
                .await
                .redirects_to("/protected?page=2");
            tab.get("/protected?page=2").await.ok("alice");
            tab.get("/api/protected").await.ok("alice");
        }
    }
}

#[tokio::test]
async fn permissions_are_required() {
    for deployment in Deployment::both() {
        for app in apps(&deployment.node(), &Backend::with_users()) {
            let mut alice = Browser::new(&app);
            alice.post("/login", ALICE).await.redirects_to("/");
            alice.get("/restricted").await.ok("for readers");
            alice.get("/api/restricted").await.ok("for readers");
            let mut bob = Browser::new(&app);
            bob.post("/login", "name=bob&password=old").await.redirects_to("/");
            bob.get("/restricted").await.redirects_to("/login?next=%2Frestricted");
            bob.get("/api/restricted").await.is(StatusCode::FORBIDDEN, "");
        }
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_session() {
    for deployment in Deployment::both() {
        let backend = Backend::with_users();
        for app in apps(&deployment.node(), &backend) {
            backend.change_password("alice", "old");
            let mut tab = Browser::new(&app);
            tab.post("/login", ALICE).await.redirects_to("/");
            backend.change_password("alice", "new");
            tab.get("/").await.ok("nobody");
            backend.change_password("alice", "old");
            tab.get("/").await.ok("nobody");
        }
    }
}

#[tokio::test]
async fn a_token_from_before_the_login_opens_nothing_after_it() {
    for deployment in Deployment::both() {
        for app in apps(&deployment.node(), &Backend::with_users()) {
            let mut victim = Browser::new(&app);
            victim.post("/cart", "").await.ok("");
            let attacker = victim.clone();
            victim.post("/login", ALICE).await.redirects_to("/");
            assert_ne!(attacker.token(), victim.token());
            attacker.clone().get("/").await.ok("nobody");
            attacker.clone().get("/cart").await.ok("empty");
            victim.get("/").await.ok("alice");
        }
    }
}

#[tokio::test]
async fn a_login_keeps_the_data_of_the_anonymous_session() {
    for deployment in Deployment::both() {
        for app in apps(&deployment.node(), &Backend::with_users()) {
            let mut tab = Browser::new(&app);
            tab.post("/cart", "").await.ok("");
            tab.post("/login", ALICE).await.redirects_to("/");
            tab.get("/cart").await.ok("umbrella");
            tab.post("/logout", "").await.redirects_to("/login");
            tab.get("/cart").await.ok("empty");
        }
    }
}

#[tokio::test]
async fn sessions_are_listed_and_revoked_by_their_principal() {
    for deployment in Deployment::both() {
        let sessions = deployment.node();
        let [_, app] = apps(&sessions, &Backend::with_users());
        let (mut laptop, mut phone) = (Browser::new(&app), Browser::new(&app));
        laptop.post("/login", ALICE).await.redirects_to("/");
        phone.post("/login", ALICE).await.redirects_to("/");
        let alice = sessions.of("1");
        assert_eq!(alice.list().await.unwrap().len(), 2);
        phone.post("/logout", "").await.redirects_to("/login");
        assert_eq!(alice.list().await.unwrap().len(), 1);
        assert_eq!(alice.revoke_all().await.unwrap(), 1);
        laptop.get("/").await.ok("nobody");
    }
}

#[tokio::test]
async fn another_user_in_the_same_browser_is_another_principal() {
    for deployment in Deployment::both() {
        let sessions = deployment.node();
        let [_, app] = apps(&sessions, &Backend::with_users());
        let mut tab = Browser::new(&app);
        tab.post("/login", ALICE).await.redirects_to("/");
        tab.post("/login", "name=bob&password=old").await.redirects_to("/");
        tab.get("/").await.ok("bob");
        assert_eq!(sessions.of("1").list().await.unwrap().len(), 0);
        assert_eq!(sessions.of("2").list().await.unwrap().len(), 1);
    }
}

/// `AuthSession::login` asks the session for a new id only the first time.
#[tokio::test]
async fn every_change_of_the_principal_replaces_the_token() {
    for deployment in Deployment::both() {
        let [_, app] = apps(&deployment.node(), &Backend::with_users());
        let mut tab = Browser::new(&app);
        tab.post("/login", ALICE).await.redirects_to("/");
        let before = tab.clone();
        tab.post("/login", "name=bob&password=old").await.redirects_to("/");
        assert_ne!(before.token(), tab.token());
        before.clone().get("/").await.ok("nobody");
    }
}

#[tokio::test]
async fn a_double_click_on_the_login_logs_in() {
    for deployment in Deployment::both() {
        let [_, app] = apps(&deployment.node(), &Backend::with_users());
        let mut first = Browser::new(&app);
        first.post("/cart", "").await.ok("");
        let mut second = first.clone();
        let (one, other) = tokio::join!(first.post("/login", ALICE), second.post("/login", ALICE));
        one.redirects_to("/");
        other.redirects_to("/");
        first.get("/").await.ok("alice");
        second.get("/").await.ok("alice");
    }
}

#[tokio::test]
async fn a_second_click_after_the_first_answer_keeps_the_cart_on_every_node() {
    for deployment in Deployment::both() {
        let backend = Backend::with_users();
        let first_node = deployment.node();
        let second_node = if deployment.is_shared() { deployment.node() } else { first_node.clone() };
        for node in [&first_node, &second_node] {
            let [_, first_app] = apps(&first_node, &backend);
            let [_, app] = apps(node, &backend);
            let mut first = Browser::new(&first_app);
            first.post("/cart", "").await.ok("");
            let expected = first.get("/cart").await.body;
            let mut second = first.at(&app);
            first.post("/login", ALICE).await.redirects_to("/");
            second.post("/login", ALICE).await.redirects_to("/");
            for browser in [&mut first, &mut second] {
                browser.get("/").await.ok("alice");
                browser.get("/cart").await.ok(&expected);
            }
        }
    }
}
