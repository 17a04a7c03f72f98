//! An application with users, over one database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::response::Redirect;
use axum::routing::{any, get};
use cloakroom::{Login, Principal, Session, SessionError, SessionValue};
use cloakroom_auth::{AuthHash, AuthLayer, Guard, Next, User, UserRecord, UserSource, log_in};
use http::{HeaderName, HeaderValue, Method, Request};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::support::{Browser, COOKIE, Deployment, Node, Reply, send};

/// The headers of a browser that navigates.
pub(crate) const PAGE: &[(&str, &str)] = &[("accept", "text/html,*/*;q=0.8"), ("sec-fetch-mode", "navigate")];

/// Stands for a user without a password.
pub(crate) const NO_HASH: &str = "";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SessionValue)]
#[session(ttl = "1m")]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) is_staff: bool,
}

#[derive(Clone, Debug)]
struct Row {
    is_staff: bool,
    password_hash: String,
}

/// The users of the application. Nodes share it.
#[derive(Clone, Debug)]
pub(crate) struct Db(Arc<Tables>);

#[derive(Debug)]
struct Tables {
    users: Mutex<BTreeMap<String, Row>>,
    loads: AtomicUsize,
    /// While it has no permit, loads wait.
    gate: Semaphore,
}

#[derive(Debug, thiserror::Error)]
#[error("the database is down")]
pub(crate) struct DatabaseDown;

impl Db {
    pub(crate) fn new() -> Self {
        let row = |is_staff| Row { is_staff, password_hash: "hash of the first password".to_owned() };
        let users = [("ada".to_owned(), row(true)), ("bob".to_owned(), row(false))];
        let (users, loads, gate) = (Mutex::new(users.into()), AtomicUsize::new(0), Semaphore::new(1));
        Self(Arc::new(Tables { users, loads, gate }))
    }

    /// The number of loads so far.
    pub(crate) fn loads(&self) -> usize {
        self.0.loads.load(Ordering::Relaxed)
    }

    pub(crate) fn set_password_hash(&self, user: &str, hash: &str) {
        self.0.users.lock().get_mut(user).unwrap().password_hash = hash.to_owned();
    }

    pub(crate) fn set_staff(&self, user: &str, is_staff: bool) {
        self.0.users.lock().get_mut(user).unwrap().is_staff = is_staff;
    }

    pub(crate) fn delete(&self, user: &str) {
        self.0.users.lock().remove(user);
    }

    pub(crate) fn auth_hash(&self, user: &str) -> AuthHash {
        AuthHash::of(&self.0.users.lock()[user].password_hash)
    }

    pub(crate) async fn close_gate(&self) {
        self.0.gate.acquire().await.unwrap().forget();
    }

    pub(crate) fn open_gate(&self) {
        self.0.gate.add_permits(1);
    }

    /// Makes every load fail.
    pub(crate) fn shut_down(&self) {
        self.0.gate.close();
    }
}

impl UserSource for Db {
    type User = Account;
    type Error = DatabaseDown;

    async fn load(&self, principal: &Principal) -> Result<Option<UserRecord<Account>>, DatabaseDown> {
        self.0.loads.fetch_add(1, Ordering::Relaxed);
        drop(self.0.gate.acquire().await.map_err(|_| DatabaseDown)?);
        let row = self.0.users.lock().get(principal.as_str()).cloned();
        Ok(row.map(|row| {
            let account = Account { name: principal.as_str().to_uppercase(), is_staff: row.is_staff };
            match row.password_hash.as_str() {
                NO_HASH => UserRecord::new(account),
                hash => UserRecord::new(account).auth_hash(AuthHash::of(hash)),
            }
        }))
    }
}

/// The routes of the application, without the session layer.
pub(crate) fn routes(db: &Db) -> Router {
    let sign_in = {
        let db = db.clone();
        async move |session: Session, Path(user): Path<String>, next: Next| {
            log_in(&session, Login::new(user.as_str()), db.auth_hash(&user)).await?;
            Ok::<_, SessionError>(Redirect::to(next.path_or("/home")))
        }
    };
    let change_password = {
        let db = db.clone();
        async move |session: Session, user: User<Account>, Path(hash): Path<String>| {
            let user = user.principal().as_str().to_owned();
            db.set_password_hash(&user, &hash);
            log_in(&session, Login::new(user.as_str()).ending_others(), db.auth_hash(&user)).await
        }
    };
    let optional = async |user: Option<User<Account>>| user.map_or("nobody".to_owned(), |user| user.name.clone());
    let inner = Router::new().route("/page", get(async || "nested")).route_layer(Guard::<Account>::signed_in());
    Router::new()
        .route("/account", any(async |user: User<Account>| user.name.clone()))
        .route_layer(Guard::<Account>::signed_in())
        .merge(
            Router::new()
                .route("/staff", any(async || "for staff"))
                .route_layer(Guard::requires(|account: &Account| account.is_staff)),
        )
        .nest("/nested", inner)
        .route("/profile", any(async |user: User<Account>| user.name.clone()))
        .route("/home", any(optional))
        .route("/sign-in/{user}", any(sign_in))
        .route(
            "/plain-sign-in/{user}",
            any(async |session: Session, Path(user): Path<String>| session.login(user).await),
        )
        .route("/change-password/{hash}", any(change_password))
        .route("/sign-out", any(async |session: Session| session.destroy().await))
        .route("/clear", any(async |session: Session| session.clear().await.map(|removed| removed.to_string())))
        .route("/invalidate", any(async |session: Session| session.invalidate::<Account>().await))
        .merge(crate::support::routes())
        .layer(AuthLayer::new(db.clone()).login_page("/login").unwrap())
}

/// A node of the application.
pub(crate) fn node(deployment: &Deployment, db: &Db) -> Node {
    Node::with_routes(deployment.builder(), routes(db))
}

/// A browser in which a user has signed in.
pub(crate) async fn signed_in(node: &Node, user: &str) -> Browser {
    let mut browser = Browser::new(&node.app);
    assert_eq!(browser.post(&format!("/sign-in/{user}")).await.status, http::StatusCode::SEE_OTHER);
    browser
}

/// Sends a request with the session of `browser`, if any, and more headers.
pub(crate) async fn send_with(
    node: &Node,
    browser: Option<&Browser>,
    (method, path): (Method, &str),
    headers: &[(&'static str, &'static str)],
) -> Reply {
    let mut request = Request::builder().method(method).uri(path).body(axum::body::Body::empty()).unwrap();
    for (name, value) in headers {
        request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(cookie) = browser.and_then(|browser| browser.cookie.as_ref()) {
        let field = format!("{COOKIE}={cookie}");
        request.headers_mut().insert(http::header::COOKIE, field.parse().unwrap());
    }
    send(&node.app, request).await
}
