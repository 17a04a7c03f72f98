//! A client without a server: it calls the layer as a service, and stores its cookie.

#![allow(dead_code, reason = "several test binaries share this file, and none uses all of it")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cloakroom::{CookieConfig, Session, SessionFuture, SessionLayer, Sessions};
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response};
use tower::{Layer, Service, service_fn};

type HandlerResult = Result<Response<()>, Infallible>;

/// A browser. Clones share one cookie jar, as tabs do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitor(Arc<Mutex<Jar>>);

#[derive(Clone, Debug, Default)]
struct Jar {
    cookie: Option<String>,
    /// The newest `Set-Cookie` header.
    received: Option<String>,
}

impl Visitor {
    /// A browser with this cookie (`name=value`).
    pub(crate) fn with_cookie(cookie: Option<String>) -> Self {
        Self(Arc::new(Mutex::new(Jar { cookie, received: None })))
    }

    /// Sends a request to the node of `sessions`. The caller is its handler until it calls
    /// [`Visit::leave`].
    pub(crate) fn enter(&self, sessions: &Sessions) -> Visit {
        let mut request = Request::new(());
        if let Some(cookie) = self.cookie() {
            request.headers_mut().insert(COOKIE, cookie.parse().expect("a cookie that was received"));
        }
        let mut extracted = None;
        let layer = SessionLayer::new(sessions.clone()).cookie(CookieConfig::insecure_for_localhost());
        let handler = service_fn(|request: Request<()>| {
            extracted = Session::from_extensions(request.extensions());
            ready(Ok(Response::new(())))
        });
        let response = layer.layer(handler).call(request);
        Visit { session: extracted.expect("the layer provides a session"), response, visitor: self.clone() }
    }

    /// The cookie of the next request.
    pub(crate) fn cookie(&self) -> Option<String> {
        self.jar().cookie.clone()
    }

    /// Takes the newest `Set-Cookie` header that this browser received.
    pub(crate) fn take_received(&self) -> Option<String> {
        self.jar().received.take()
    }

    fn jar(&self) -> MutexGuard<'_, Jar> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in progress.
pub(crate) struct Visit {
    session: Session,
    response: SessionFuture<Ready<HandlerResult>>,
    visitor: Visitor,
}

impl Visit {
    /// Ends the request: the browser receives the response, and updates its cookie.
    pub(crate) async fn leave(self) {
        let response = self.response.await.unwrap_or_else(|never| match never {});
        let Some(set) = response.headers().get(SET_COOKIE) else { return };
        let set = set.to_str().expect("a cookie is text").to_owned();
        let pair = set.split(';').next().unwrap_or_default().to_owned();
        let removed = set.contains("Max-Age=0");
        if let Some((_, token)) = pair.split_once('=').filter(|_| !removed) {
            cloakroom_secret_scan::record("token", token);
        }
        let mut jar = self.visitor.jar();
        jar.cookie = (!removed).then_some(pair);
        jar.received = Some(set);
    }
}

impl Deref for Visit {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}
