//! The session says who asks, and holds what was asked of the database before.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cloakroom::{CachePolicy, CookieConfig, Session, SessionError, SessionLayer, SessionValue, Sessions};
use serde::{Deserialize, Serialize};

use crate::Failure;

use super::{Database, Door};

const HOUR: CachePolicy = CachePolicy::ttl(Duration::from_secs(3600));

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cart(Vec<(String, i64)>);

impl SessionValue for Cart {
    const KEY: &'static str = "cart";
    const CACHE: CachePolicy = HOUR;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Preferences {
    theme: String,
    language: String,
}

impl SessionValue for Preferences {
    const KEY: &'static str = "preferences";
    const CACHE: CachePolicy = HOUR;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Roles(Vec<String>);

impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy = HOUR;
}

#[derive(Clone)]
struct Shop {
    database: Database,
    door: Door,
    sessions: Sessions,
}

/// Why a request was refused.
enum Refused {
    Session(SessionError),
    Status(StatusCode),
}

impl From<SessionError> for Refused {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Session(error) => error.into_response(),
            Self::Status(status) => status.into_response(),
        }
    }
}

type Answer = Result<String, Refused>;

pub(super) fn app(database: Database) -> Result<Router, Failure> {
    let sessions = Sessions::builder().build()?;
    let layer = SessionLayer::new(sessions.clone()).cookie(CookieConfig::insecure_for_localhost());
    Ok(Router::new()
        .route("/start", post(start))
        .route("/cart", get(cart))
        .route("/preferences", get(preferences))
        .route("/orders", get(orders))
        .layer(layer)
        .route("/queries", get(queries))
        .route("/bytes", get(bytes))
        .with_state(Shop { database, door: Door::default(), sessions }))
}

async fn start(session: Session, State(Shop { door, .. }): State<Shop>) -> Answer {
    session.login(door.next()).await?;
    Ok(1.to_string())
}

async fn cart(session: Session, State(Shop { database, .. }): State<Shop>) -> Answer {
    let user = user(&session).await?;
    let cart = session.get_or_load(move || async move { database.cart(user).await.map(Cart) }).await?;
    Ok(cart.0.len().to_string())
}

async fn preferences(session: Session, State(Shop { database, .. }): State<Shop>) -> Answer {
    let user = user(&session).await?;
    let load = move || async move {
        let found = database.preferences(user).await;
        found.map(|(theme, language)| Preferences { theme, language })
    };
    let found = session.get_or_load(load).await?;
    Ok((found.theme.len() + found.language.len()).to_string())
}

async fn orders(session: Session, State(Shop { database, .. }): State<Shop>) -> Answer {
    let user = user(&session).await?;
    let asked = database.clone();
    let roles = session.get_or_load(move || async move { asked.roles(user).await.map(Roles) }).await?;
    if !roles.0.iter().any(|role| role == "customer") {
        return Err(Refused::Status(StatusCode::FORBIDDEN));
    }
    let orders = database.orders(user).await.map_err(|error| {
        crate::report::complain(&error);
        Refused::Status(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    Ok(orders.len().to_string())
}

/// Who asks, by the session.
async fn user(session: &Session) -> Result<i64, Refused> {
    let principal = session.principal().await?;
    let user = principal.and_then(|principal| principal.as_str().parse().ok());
    user.ok_or(Refused::Status(StatusCode::UNAUTHORIZED))
}

async fn queries(State(Shop { database, .. }): State<Shop>) -> String {
    database.queries().to_string()
}

async fn bytes(State(Shop { sessions, .. }): State<Shop>) -> String {
    let stats = sessions.stats();
    (stats.bytes / stats.sessions.max(1)).to_string()
}
