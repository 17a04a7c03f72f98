//! The handlers, which are the same before and after the move.

use std::convert::Infallible;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use axum_login::{AuthUser, AuthnBackend, login_required};
use serde::Deserialize;
use tower_sessions::{Session, session};

/// An account.
#[derive(Clone, Debug)]
pub struct User {
    id: i64,
    name: &'static str,
    password: &'static str,
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

/// The accounts, which would be in a database.
#[derive(Clone, Copy, Debug)]
pub struct Accounts;

impl Accounts {
    const ALL: [User; 2] =
        [User { id: 17, name: "ada", password: "correct horse" }, User { id: 18, name: "ben", password: "battery" }];
}

/// The fields of the login form.
#[derive(Clone, Debug, Deserialize)]
pub struct Credentials {
    name: String,
    password: String,
}

impl AuthnBackend for Accounts {
    type User = User;
    type Credentials = Credentials;
    type Error = Infallible;

    async fn authenticate(&self, credentials: Credentials) -> Result<Option<User>, Infallible> {
        let is_meant = |user: &User| user.name == credentials.name && user.password == credentials.password;
        Ok(Self::ALL.into_iter().find(is_meant))
    }

    async fn get_user(&self, id: &i64) -> Result<Option<User>, Infallible> {
        Ok(Self::ALL.into_iter().find(|user| user.id == *id))
    }
}

type AuthSession = axum_login::AuthSession<Accounts>;

async fn log_in(mut auth: AuthSession, Form(credentials): Form<Credentials>) -> Response {
    let Ok(Some(user)) = auth.authenticate(credentials).await else { return StatusCode::UNAUTHORIZED.into_response() };
    match auth.login(&user).await {
        Ok(()) => Redirect::to("/account").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn log_out(mut auth: AuthSession) -> Response {
    match auth.logout().await {
        Ok(_) => Redirect::to("/cart").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn account(auth: AuthSession) -> String {
    auth.user.map_or_else(String::new, |user| user.name.to_owned())
}

async fn read_cart(session: &Session) -> Result<Vec<String>, session::Error> {
    Ok(session.get("cart").await?.unwrap_or_default())
}

async fn cart(session: Session) -> Result<String, StatusCode> {
    let cart = read_cart(&session).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(cart.join(" "))
}

async fn add(session: Session, Path(item): Path<String>) -> Result<(), StatusCode> {
    let mut cart = read_cart(&session).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    cart.push(item);
    session.insert("cart", cart).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// Returns the routes, without sessions.
pub fn routes() -> Router {
    Router::new()
        .route("/account", get(account))
        .route_layer(login_required!(Accounts, login_url = "/login"))
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/cart", get(cart))
        .route("/cart/{item}", post(add))
}
