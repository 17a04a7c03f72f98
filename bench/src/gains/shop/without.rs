//! Every request checks its token and asks the database.

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::routing::{get, post};

use super::{Database, Door, Tokens};

type Answer = Result<String, StatusCode>;

#[derive(Clone)]
struct Shop {
    database: Database,
    door: Door,
    tokens: Tokens,
}

/// Who asks, by the token.
struct User(i64);

impl FromRequestParts<Shop> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, StatusCode> {
        let cookies = parts.headers.get(COOKIE).and_then(|cookies| cookies.to_str().ok());
        let token = cookies.and_then(|cookies| cookies.split("; ").find_map(|pair| pair.strip_prefix("token=")));
        token.and_then(|token| shop.tokens.check(token)).map(Self).ok_or(StatusCode::UNAUTHORIZED)
    }
}

pub(super) fn app(database: Database, tokens: Tokens) -> Router {
    Router::new()
        .route("/start", post(start))
        .route("/cart", get(cart))
        .route("/preferences", get(preferences))
        .route("/orders", get(orders))
        .route("/queries", get(queries))
        .route("/bytes", get(bytes))
        .with_state(Shop { database, door: Door::default(), tokens })
}

async fn start(
    State(Shop { door, tokens, .. }): State<Shop>,
) -> Result<([(HeaderName, String); 1], String), StatusCode> {
    let token = tokens.issue(door.next()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(SET_COOKIE, format!("token={token}; Path=/; HttpOnly"))], 1.to_string()))
}

async fn cart(User(user): User, State(Shop { database, .. }): State<Shop>) -> Answer {
    let items = database.cart(user).await.map_err(failed)?;
    Ok(items.len().to_string())
}

async fn preferences(User(user): User, State(Shop { database, .. }): State<Shop>) -> Answer {
    let (theme, language) = database.preferences(user).await.map_err(failed)?;
    Ok((theme.len() + language.len()).to_string())
}

async fn orders(User(user): User, State(Shop { database, .. }): State<Shop>) -> Answer {
    if !database.roles(user).await.map_err(failed)?.iter().any(|role| role == "customer") {
        return Err(StatusCode::FORBIDDEN);
    }
    let orders = database.orders(user).await.map_err(failed)?;
    Ok(orders.len().to_string())
}

async fn queries(State(Shop { database, .. }): State<Shop>) -> String {
    database.queries().to_string()
}

async fn bytes() -> String {
    0.to_string()
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` calls takes the error")]
fn failed(error: sqlx::Error) -> StatusCode {
    crate::report::complain(&error);
    StatusCode::INTERNAL_SERVER_ERROR
}
