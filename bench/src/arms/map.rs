//! A map behind one lock, as the seed document keeps its sessions: the middleware copies the session out
//! and back in for every request, sets the cookie on every answer, and makes a session for whoever asks.
//! Two things are done better than there: a handler knows the id of its session instead of searching the
//! map for it, and other cookies may stand before it.

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

use crate::world::Cart;

use super::{LATE, Plan, next_user};

const NAME: &str = "session_id=";

#[derive(Clone, Debug)]
struct Data {
    cart: Cart,
    counter: u64,
    user: u64,
    expires: Instant,
}

/// All sessions, by their id.
#[derive(Clone, Debug)]
struct Store {
    sessions: Arc<RwLock<HashMap<String, Data>>>,
    lifetime: Duration,
}

/// A session's id, as a request knows it.
#[derive(Clone, Debug)]
struct Id(Arc<str>);

pub(super) fn app(plan: &Plan) -> Router {
    let store = Store { sessions: Arc::default(), lifetime: plan.idle };
    Router::new()
        .route("/idle", get(idle))
        .route("/fill", post(fill))
        .route("/start", post(fill))
        .route("/cart", get(cart))
        .route("/add", post(add))
        .route("/count", post(count).get(counted))
        .route("/late", post(late))
        .route("/login", post(login))
        .route("/who", get(who))
        .route("/rotate/fail", post(fail))
        .route("/switch", post(login))
        .route("/logout", post(logout))
        .layer(from_fn_with_state(store.clone(), session))
        .with_state(store)
}

impl Store {
    /// A copy of the session, which is new if it was not there or is too old.
    fn take(&self, id: &str) -> Data {
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        let data = sessions.get(id).filter(|data| data.expires >= Instant::now()).cloned();
        let data = data.unwrap_or_else(|| Data::new(self.lifetime));
        sessions.insert(id.to_owned(), data.clone());
        data
    }

    /// Puts a handler's copy back.
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
    let named = request.headers().get(COOKIE).and_then(|cookie| cookie.to_str().ok());
    let named = named.and_then(|cookie| cookie.split("; ").find_map(|pair| pair.strip_prefix(NAME)));
    let id = named.map_or_else(|| format!("{:032x}", fastrand::u128(..)), str::to_owned);
    let cookie = HeaderValue::from_str(&format!("{NAME}{id}; Path=/; HttpOnly"));
    request.extensions_mut().insert(store.take(&id));
    request.extensions_mut().insert(Id(id.into()));
    let mut response = next.run(request).await;
    if let Ok(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What a handler gets.
type Held = (State<Store>, Extension<Id>, Extension<Data>);

async fn idle() -> String {
    0.to_string()
}

async fn fill((State(store), Extension(Id(id)), Extension(mut data)): Held) -> String {
    data.cart.fill();
    store.put(&id, data);
    5.to_string()
}

async fn cart(Extension(data): Extension<Data>) -> String {
    data.cart.items.len().to_string()
}

async fn add((State(store), Extension(Id(id)), Extension(mut data)): Held) -> String {
    data.cart.add();
    let items = data.cart.items.len();
    store.put(&id, data);
    items.to_string()
}

async fn count((State(store), Extension(Id(id)), Extension(mut data)): Held) -> String {
    data.counter += 1;
    let count = data.counter;
    store.put(&id, data);
    count.to_string()
}

async fn counted(Extension(data): Extension<Data>) -> String {
    data.counter.to_string()
}

async fn late(held: Held) -> String {
    tokio::time::sleep(LATE).await;
    count(held).await
}

async fn login((State(store), Extension(Id(id)), Extension(mut data)): Held) -> String {
    data.user = next_user();
    let user = data.user;
    store.put(&id, data);
    user.to_string()
}

async fn who(Extension(data): Extension<Data>) -> String {
    data.user.to_string()
}

async fn fail() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn logout(State(store): State<Store>, Extension(Id(id)): Extension<Id>) -> String {
    store.remove(&id);
    0.to_string()
}
