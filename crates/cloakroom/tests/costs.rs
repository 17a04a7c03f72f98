//! What a request costs beyond the same request without sessions, as counts that are the same on
//! every machine: allocations, their bytes, and the bytes of futures.
//!
//! `cargo test -p cloakroom --test costs -- --nocapture` prints the figures.

#[path = "support/recording.rs"]
mod recording;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::mem::size_of_val;

use allocation_counter::measure;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request};
use axum::response::Response;
use axum::routing::{get, post};
use cloakroom::{CookieConfig, Session, SessionError, SessionLayer, SessionValue};
use http::Method;
use http::header::{COOKIE, SET_COOKIE};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service};

/// The cart of the guide: with five items, six allocations.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Cart {
    items: BTreeMap<String, u32>,
}

impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

impl Cart {
    fn fill(&mut self) {
        self.items = (0..5).map(|item| (format!("item-{item}"), item)).collect();
    }

    fn add(&mut self) -> usize {
        if let Some(quantity) = self.items.values_mut().next() {
            *quantity = (*quantity + 1) % 10;
        }
        self.items.len()
    }
}

fn with_sessions() -> Router {
    Router::new()
        .route("/idle", get(async || "5"))
        .route("/cart", get(async |cart: Session<Cart>| if cart.items.len() == 5 { "5" } else { "0" }))
        .route("/fill", post(async |session: Session| session.update(Cart::fill).await))
        .route(
            "/add",
            post(async |session: Session| {
                let items = session.update(Cart::add).await?;
                Ok::<_, SessionError>(if items == 5 { "5" } else { "0" })
            }),
        )
}

fn bare() -> Router {
    Router::new()
        .route("/idle", get(async || "5"))
        .route("/cart", get(async || "5"))
        .route("/add", post(async || Ok::<_, SessionError>("5")))
}

/// Allocations and allocated bytes.
#[derive(Clone, Copy, Debug)]
struct Cost {
    allocations: u64,
    bytes: u64,
}

fn request(method: &Method, path: &str, cookie: &str) -> Request {
    let builder = Request::builder().method(method).uri(path).header(COOKIE, cookie);
    builder.body(Body::empty()).expect("it is valid")
}

async fn send<S>(service: &mut S, request: Request) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let Ok(response) = service.call(request).await;
    assert!(response.status().is_success(), "{}", response.status());
    response
}

/// Measures one request, after some that warm up what is allocated once.
fn cost_of<S>(runtime: &Runtime, service: &mut S, request: impl Fn() -> Request) -> Cost
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    for _ in 0..10 {
        runtime.block_on(send(service, request()));
    }
    let mut next = Some(request());
    let spent = measure(|| drop(runtime.block_on(send(service, next.take().expect("once")))));
    Cost { allocations: spent.count_total, bytes: spent.bytes_total }
}

/// Measures what a request of a session with a cart allocates beyond one without sessions, with the
/// layer around the router.
fn cost_beyond_bare(method: &Method, path: &str) -> Cost {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let sessions = recording::recorded_in_memory();
    let mut service = SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost()).layer(with_sessions());
    let created = runtime.block_on(send(&mut service, request(&Method::POST, "/fill", "theme=dark")));
    let issued = created.headers()[SET_COOKIE].to_str().expect("it is ASCII");
    let cookie = format!("theme=dark; {}", issued.split(';').next().unwrap_or_default());
    let with = cost_of(&runtime, &mut service, || request(method, path, &cookie));
    let without = cost_of(&runtime, &mut bare(), || request(method, path, &cookie));
    Cost { allocations: with.allocations - without.allocations, bytes: with.bytes - without.bytes }
}

/// The bytes by which the map of a request's extensions grows from four places to eight. With some
/// features of axum, which has extensions of its own, that of the session is the one that needs the
/// fifth place.
const GROWTH: u64 = 288;

/// Returns `true` if the session's extension makes the map of extensions grow.
const fn grows_the_extensions(idle: Cost) -> bool {
    idle.bytes > 400
}

#[test]
fn a_request_that_does_not_use_its_session_makes_two_allocations() {
    let cost = cost_beyond_bare(&Method::GET, "/idle");
    println!("/idle: {cost:?}");
    let expected = 2 + u64::from(grows_the_extensions(cost));
    assert_eq!(cost.allocations, expected, "the request's state, and the extension: {cost:?}");
    assert!(cost.bytes <= 400 + GROWTH, "{cost:?}");
}

#[test]
fn a_typed_read_makes_no_more_allocations_than_an_unused_session() {
    let cost = cost_beyond_bare(&Method::GET, "/cart");
    println!("/cart: {cost:?}");
    assert_eq!(cost.allocations, cost_beyond_bare(&Method::GET, "/idle").allocations, "{cost:?}");
    assert!(cost.bytes <= 1200 + GROWTH, "{cost:?}");
}

#[test]
fn an_update_in_memory_allocates_the_value_twice_and_little_else() {
    let cost = cost_beyond_bare(&Method::POST, "/add");
    println!("/add: {cost:?}");
    // Six for the copy of the cart, six for the one that is decoded to check its encoding, two for
    // the request, and the value, the list of values and the state.
    assert!(cost.allocations <= 17 + 1, "{cost:?}");
    assert!(cost.bytes <= 3000, "{cost:?}");
}

/// The futures of handlers contain those of the extractors, and axum moves them to the heap.
#[test]
fn the_futures_of_extractors_and_reads_are_small() {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let routes = Router::new().route(
        "/",
        get(async |request: Request| {
            let (mut parts, _) = request.into_parts();
            let default = size_of_val(&<Session<Cart> as FromRequestParts<()>>::from_request_parts(&mut parts, &()));
            let optional =
                size_of_val(&<Session<Cart> as OptionalFromRequestParts<()>>::from_request_parts(&mut parts, &()));
            let plain = size_of_val(&<Session as FromRequestParts<()>>::from_request_parts(&mut parts, &()));
            let session = Session::from_extensions(&parts.extensions).expect("there is a layer");
            let read = size_of_val(&session.get::<Cart>());
            let update = size_of_val(&session.update(Cart::add));
            println!("bytes: default {default}, optional {optional}, plain {plain}, get {read}, update {update}");
            assert!(plain <= 32, "{plain}");
            assert!(default <= 256, "{default}");
            assert!(optional <= 256, "{optional}");
            assert!(read <= 96, "{read}");
            assert!(update <= 512, "{update}");
            "5"
        }),
    );
    let mut service = SessionLayer::new(recording::recorded_in_memory()).layer(routes);
    runtime.block_on(send(&mut service, request(&Method::GET, "/", "theme=dark")));
}
