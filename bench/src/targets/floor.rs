//! A session layer written by hand: the least that any session layer does, as a yardstick.
//!
//! It finds its cookie, decodes the token, looks the session up in a sharded map, compares the
//! secret, and adds the session to the request as an extension. It has no lifetimes, no activity,
//! no rotation, no memory limit, no second carrier and no cache headers, and its sessions never
//! change.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::{Extension, Request};
use axum::http::header::COOKIE;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower::{Layer, Service};

use crate::Result;
use crate::fixtures::{Cart, SessionCookies};

/// As many as Cloakroom has.
const SHARDS: usize = 1024;

type Shard = HashMap<[u8; 16], Arc<FloorSession>, BuildHasherDefault<FirstBytes>>;

/// One session, with the guide's cart.
struct FloorSession {
    secret: u128,
    cart: Cart,
}

/// The session of a request, as an extension.
#[derive(Clone)]
struct Found(Arc<FloorSession>);

/// All sessions; the layer shares them with its services.
pub(crate) struct FloorLayer {
    /// Including the `=`.
    cookie_name: String,
    shards: Box<[RwLock<Shard>]>,
}

/// A layer that can be applied several times.
#[derive(Clone)]
pub(crate) struct SharedFloorLayer(Arc<FloorLayer>);

#[derive(Clone)]
pub(crate) struct FloorService<S> {
    inner: S,
    layer: Arc<FloorLayer>,
}

/// Returns a layer that knows the tokens in these cookies, which are Cloakroom's without keys.
pub(crate) fn layer(cookies: &SessionCookies) -> Result<SharedFloorLayer> {
    let mut layer = FloorLayer { cookie_name: String::new(), shards: (0..SHARDS).map(|_| RwLock::default()).collect() };
    for [name, value] in (0..cookies.len()).map_while(|index| cookies.get(index)) {
        let (selector, secret) = decode(value).ok_or("a cookie is not a token of 43 characters")?;
        let mut session = FloorSession { secret, cart: Cart::default() };
        session.cart.fill();
        if layer.cookie_name.is_empty() {
            layer.cookie_name = String::from_utf8(name.to_vec())?;
        }
        layer.shard(&selector).write().unwrap_or_else(PoisonError::into_inner).insert(selector, Arc::new(session));
    }
    Ok(SharedFloorLayer(Arc::new(layer)))
}

/// Returns the routes inside the layer.
pub(crate) fn layered(layer: &SharedFloorLayer) -> Router {
    routes().layer(layer.clone())
}

/// Returns the routes with the layer around the router.
pub(crate) fn wrapped(layer: &SharedFloorLayer) -> FloorService<Router> {
    layer.layer(routes())
}

fn routes() -> Router {
    Router::new().route("/idle", get(idle)).route("/cart", get(cart))
}

async fn idle() -> String {
    0.to_string()
}

async fn cart(Extension(Found(session)): Extension<Found>) -> String {
    session.cart.items.len().to_string()
}

fn decode(token: &[u8]) -> Option<([u8; 16], u128)> {
    let mut bytes = [0; 32];
    let written = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
    let ([selector, secret], []) = bytes.as_chunks::<16>() else { return None };
    (written == bytes.len()).then(|| (*selector, u128::from_ne_bytes(*secret)))
}

impl FloorLayer {
    fn shard(&self, selector: &[u8; 16]) -> &RwLock<Shard> {
        &self.shards[usize::from(u16::from_ne_bytes([selector[8], selector[9]])) % SHARDS]
    }

    fn find(&self, request: &Request) -> Option<Arc<FloorSession>> {
        let cookies = std::str::from_utf8(request.headers().get(COOKIE)?.as_bytes()).ok()?;
        let token = cookies.split(';').find_map(|pair| pair.trim_start().strip_prefix(&*self.cookie_name))?;
        let (selector, secret) = decode(token.as_bytes())?;
        let shard = self.shard(&selector).read().unwrap_or_else(PoisonError::into_inner);
        // Both are compared as one word each, which takes the same time wherever they differ.
        shard.get(&selector).filter(|session| session.secret ^ secret == 0).cloned()
    }
}

impl<S> Layer<S> for SharedFloorLayer {
    type Service = FloorService<S>;

    fn layer(&self, inner: S) -> FloorService<S> {
        FloorService { inner, layer: Arc::clone(&self.0) }
    }
}

impl<S: Service<Request>> Service<Request> for FloorService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> S::Future {
        if let Some(session) = self.layer.find(&request) {
            request.extensions_mut().insert(Found(session));
        }
        self.inner.call(request)
    }
}

/// Selectors are random, so their first bytes are a hash.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    /// The length of the selector, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
