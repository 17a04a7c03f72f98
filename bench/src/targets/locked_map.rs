//! A middleware around a map behind one lock, as tutorials write it: it copies the session out of
//! the map and back for every request, sets the cookie on every response, and creates a session for
//! every client.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};

use crate::fixtures::Cart;

use super::{SLOW_WRITE_DELAY, TargetConfig, next_user};

const COOKIE_PREFIX: &str = "session_id=";

#[derive(Clone, Debug)]
struct Data {
    cart: Cart,
    counter: u64,
    user: u64,
    expires: Instant,
}

/// All sessions by id.
#[derive(Clone, Debug)]
struct Store {
    sessions: Arc<RwLock<HashMap<String, Data>>>,
    lifetime: Duration,
}

/// The id of a request's session.
#[derive(Clone, Debug)]
struct Id(Arc<str>);

pub(super) fn app(config: &TargetConfig) -> Router {
    let store = Store { sessions: Arc::default(), lifetime: config.idle_timeout };
    Router::new()
        .route("/idle", get(idle))
        .route("/fill", post(fill))
        .route("/start", post(fill))
        .route("/cart", get(cart))
        .route("/add", post(add))
        .route("/count", post(increment).get(read_counter))
        .route("/late", post(slow_increment))
        .route("/login", post(login))
        .route("/who", get(user))
        .route("/rotate/fail", post(fail))
        .route("/switch", post(login))
        .route("/logout", post(logout))
        .layer(from_fn_with_state(store.clone(), session))
        .with_state(store)
}

impl Store {
    /// Returns a copy of the session, which is new if there was none or it has expired.
    fn get_or_create(&self, id: &str) -> Data {
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        let data = sessions.get(id).filter(|data| data.expires >= Instant::now()).cloned();
        let data = data.unwrap_or_else(|| Data::new(self.lifetime));
        sessions.insert(id.to_owned(), data.clone());
        data
    }

    /// Replaces the session with a handler's copy.
    fn put(&self, id: &str, data: Data) {
        self.sessions.write().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), data);
    }

    fn remove(&self, id: &str) {
        self.sessions.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

impl Data {
    fn new(lifetime: Duration) -> Self {
        Self { cart: Cart::default(), counter: 0, user: 0, expires: Instant::now() + lifetime }
    }
}

async fn session(State(store): State<Store>, mut request: Request, next: Next) -> Response {
    let id = request.headers().get(COOKIE).and_then(|cookie| cookie.to_str().ok());
    let id = id.and_then(|cookie| cookie.split("; ").find_map(|pair| pair.strip_prefix(COOKIE_PREFIX)));
    let id = id.map_or_else(|| format!("{:032x}", fastrand::u128(..)), str::to_owned);
    let cookie = HeaderValue::from_str(&format!("{COOKIE_PREFIX}{id}; Path=/; HttpOnly"));
    request.extensions_mut().insert(store.get_or_create(&id));
    request.extensions_mut().insert(Id(id.into()));
    let mut response = next.run(request).await;
    if let Ok(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// The extractors of a handler that writes.
type Extracted = (State<Store>, Extension<Id>, Extension<Data>);

async fn idle() -> String {
    0.to_string()
}

async fn fill((State(store), Extension(Id(id)), Extension(mut data)): Extracted) -> String {
    data.cart.fill();
    store.put(&id, data);
    5.to_string()
}

async fn cart(Extension(data): Extension<Data>) -> String {
    data.cart.items.len().to_string()
}

async fn add((State(store), Extension(Id(id)), Extension(mut data)): Extracted) -> String {
    let items = data.cart.add();
    store.put(&id, data);
    items.to_string()
}

async fn increment((State(store), Extension(Id(id)), Extension(mut data)): Extracted) -> String {
    data.counter += 1;
    let count = data.counter;
    store.put(&id, data);
    count.to_string()
}

async fn read_counter(Extension(data): Extension<Data>) -> String {
    data.counter.to_string()
}

async fn slow_increment(extracted: Extracted) -> String {
    tokio::time::sleep(SLOW_WRITE_DELAY).await;
    increment(extracted).await
}

async fn login((State(store), Extension(Id(id)), Extension(mut data)): Extracted) -> String {
    data.user = next_user();
    let user = data.user;
    store.put(&id, data);
    user.to_string()
}

async fn user(Extension(data): Extension<Data>) -> String {
    data.user.to_string()
}

async fn fail() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn logout(State(store): State<Store>, Extension(Id(id)): Extension<Id>) -> String {
    store.remove(&id);
    0.to_string()
}
