//! The application in front of the database, in two variants with the same handlers.
//!
//! | endpoint | queries |
//! |---|---|
//! | `POST /start` | none: signs the next user in |
//! | `GET /cart` | one: the items of the cart |
//! | `GET /preferences` | one: the preferences |
//! | `GET /orders` | two: the roles, to check the user's permission, and the orders, which are never cached |
//! | `GET /queries` | none: returns the number of queries so far |
//! | `GET /bytes` | none: returns the size of a session by the cache's own count |
//!
//! Without the cache, every request carries a signed token and queries the database. With it, the
//! session identifies the user and holds the results of earlier queries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cloakroom::{CachePolicy, CookieConfig, Session, SessionError, SessionLayer, SessionValue, Sessions};
use serde::{Deserialize, Serialize};

use super::database::{Database, USERS};
use super::token::Tokens;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ShopConfig {
    pub(super) url: String,
    /// Added to every query, for a database that no proxy can delay.
    pub(super) query_delay: Duration,
    pub(super) connections: u32,
    pub(super) cached: bool,
}

#[derive(Clone)]
struct Shop {
    database: Database,
    /// The number of users who have signed in.
    sign_ins: Arc<AtomicU64>,
    variant: Variant,
}

#[derive(Clone)]
enum Variant {
    WithoutCache(Tokens),
    Cached(Sessions),
}

/// The user of a request, and the session if there is a cache.
struct User {
    id: i64,
    session: Option<Session>,
}

/// Implements a type of session values with the cache policy of the shop.
macro_rules! cached_values {
    ($($name:ident($inner:ty) $key:literal),+) => {$(
        #[derive(Clone, Debug, Serialize, Deserialize)]
        struct $name($inner);

        impl SessionValue for $name {
            const KEY: &'static str = $key;
            const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(3600));
        }
    )+};
}

cached_values! {
    Cart(Vec<(String, i64)>) "cart",
    Preferences((String, String)) "preferences",
    Roles(Vec<String>) "roles"
}

/// The reason why a request failed.
enum Failure {
    Session(SessionError),
    Database(sqlx::Error),
    Status(StatusCode),
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Session(error) => error.into_response(),
            Self::Status(status) => status.into_response(),
            Self::Database(error) => {
                crate::report::print_error(&error);
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl FromRequestParts<Shop> for User {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, Failure> {
        let unauthorized = Failure::Status(StatusCode::UNAUTHORIZED);
        let Variant::WithoutCache(tokens) = &shop.variant else {
            let session = <Session as FromRequestParts<Shop>>::from_request_parts(parts, shop).await?;
            let principal = session.principal().await?;
            let id = principal.and_then(|principal| principal.as_str().parse().ok()).ok_or(unauthorized)?;
            return Ok(Self { id, session: Some(session) });
        };
        let cookies = parts.headers.get(COOKIE).and_then(|cookies| cookies.to_str().ok());
        let token = cookies.and_then(|cookies| cookies.split("; ").find_map(|pair| pair.strip_prefix("token=")));
        let id = token.and_then(|token| tokens.check(token)).ok_or(unauthorized)?;
        Ok(Self { id, session: None })
    }
}

impl User {
    /// Returns the value from the session, or loads it if it is not there or there is no cache.
    async fn get_or_load<T, F>(&self, load: impl FnOnce() -> F + Send + 'static) -> Result<Arc<T>, Failure>
    where
        T: SessionValue,
        F: Future<Output = Result<T, sqlx::Error>> + Send + 'static,
    {
        match &self.session {
            Some(session) => Ok(session.get_or_load(load).await?),
            None => Ok(Arc::new(load().await?)),
        }
    }
}

pub(crate) async fn build(config: ShopConfig) -> crate::Result<Router> {
    let database = Database::connect(&config.url, config.query_delay, config.connections)?;
    let sessions = Sessions::builder().build()?;
    let variant = match config.cached {
        true => Variant::Cached(sessions.clone()),
        false => Variant::WithoutCache(Tokens::new()?),
    };
    let mut routes = Router::new()
        .route("/start", if config.cached { post(log_in) } else { post(issue_token) })
        .route("/cart", get(cart))
        .route("/preferences", get(preferences))
        .route("/orders", get(orders));
    if config.cached {
        routes = routes.layer(SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost()));
    }
    let shop = Shop { database, sign_ins: Arc::default(), variant };
    Ok(routes.route("/queries", get(queries)).route("/bytes", get(bytes)).with_state(shop))
}

impl Shop {
    fn next_user(&self) -> i64 {
        (self.sign_ins.fetch_add(1, Relaxed) % USERS).cast_signed() + 1
    }
}

async fn log_in(session: Session, State(shop): State<Shop>) -> Result<String, Failure> {
    session.login(shop.next_user()).await?;
    Ok(1.to_string())
}

async fn issue_token(State(shop): State<Shop>) -> Result<Response, Failure> {
    let failed = Failure::Status(StatusCode::INTERNAL_SERVER_ERROR);
    let Variant::WithoutCache(tokens) = &shop.variant else { return Err(failed) };
    let token = tokens.issue(shop.next_user()).map_err(|_| failed)?;
    Ok(([(SET_COOKIE, format!("token={token}; Path=/; HttpOnly"))], 1.to_string()).into_response())
}

async fn cart(user: User, State(Shop { database, .. }): State<Shop>) -> Result<String, Failure> {
    let sql = "select item, quantity from carts where user_id = $1";
    let load = move || async move { database.query(sql, user.id).await.map(Cart) };
    Ok(user.get_or_load(load).await?.0.len().to_string())
}

async fn preferences(user: User, State(Shop { database, .. }): State<Shop>) -> Result<String, Failure> {
    let sql = "select theme, language from preferences where user_id = $1";
    let load = move || async move {
        let rows = database.query(sql, user.id).await?;
        rows.into_iter().next().map(Preferences).ok_or(sqlx::Error::RowNotFound)
    };
    let preferences = user.get_or_load(load).await?;
    let Preferences((theme, language)) = &*preferences;
    Ok((theme.len() + language.len()).to_string())
}

async fn orders(user: User, State(Shop { database, .. }): State<Shop>) -> Result<String, Failure> {
    let pool = database.clone();
    let load = move || async move {
        let rows: Vec<(String,)> = pool.query("select role from roles where user_id = $1", user.id).await?;
        Ok(Roles(rows.into_iter().map(|(role,)| role).collect()))
    };
    if !user.get_or_load(load).await?.0.iter().any(|role| role == "customer") {
        return Err(Failure::Status(StatusCode::FORBIDDEN));
    }
    let orders: Vec<(i64, i64)> = database.query("select id, cents from orders where user_id = $1", user.id).await?;
    Ok(orders.len().to_string())
}

async fn queries(State(shop): State<Shop>) -> String {
    shop.database.queries().to_string()
}

async fn bytes(State(shop): State<Shop>) -> String {
    let bytes_per_session = match &shop.variant {
        Variant::WithoutCache(_) => 0,
        Variant::Cached(sessions) => {
            let stats = sessions.stats();
            stats.bytes / stats.sessions.max(1)
        }
    };
    bytes_per_session.to_string()
}
