//! A client without a server: calls the layer as a service and carries its cookie from answer to request.

#![allow(dead_code, reason = "several test binaries share this file, and none uses all of it")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cloakroom::{CookieConfig, Session, SessionFuture, SessionLayer, Sessions};
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response};
use tower::{Layer, Service, service_fn};

type Answer = Result<Response<()>, Infallible>;

/// A browser. Clones are its tabs: they share one jar.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitor(Arc<Mutex<Jar>>);

#[derive(Clone, Debug, Default)]
struct Jar {
    cookie: Option<String>,
    /// The newest `Set-Cookie` as it was sent.
    received: Option<String>,
}

impl Visitor {
    /// A browser that brings this cookie, as `name=value`.
    pub(crate) fn with_cookie(cookie: Option<String>) -> Self {
        Self(Arc::new(Mutex::new(Jar { cookie, received: None })))
    }

    /// Sends a request to the node of `sessions`. Its handler is whatever is done before [`Visit::remove_request`].
    pub(crate) fn enter(&self, sessions: &Sessions) -> Visit {
        let mut request = Request::new(());
        if let Some(cookie) = self.cookie() {
            request.headers_mut().insert(COOKIE, cookie.parse().expect("a cookie that was received"));
        }
        let mut caught = None;
        let layer = SessionLayer::new(sessions.clone()).cookie(CookieConfig::insecure_for_localhost());
        let handler = service_fn(|request: Request<()>| {
            caught = Session::from_extensions(request.extensions());
            ready(Ok(Response::new(())))
        });
        let answer = layer.layer(handler).call(request);
        Visit { session: caught.expect("the layer gives a session"), answer, visitor: self.clone() }
    }

    /// What the next request will carry.
    pub(crate) fn cookie(&self) -> Option<String> {
        self.jar().cookie.clone()
    }

    /// The newest `Set-Cookie` that this browser received, and forgets that it did.
    pub(crate) fn take_received(&self) -> Option<String> {
        self.jar().received.take()
    }

    fn jar(&self) -> MutexGuard<'_, Jar> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way.
pub(crate) struct Visit {
    session: Session,
    answer: SessionFuture<Ready<Answer>>,
    visitor: Visitor,
}

impl Visit {
    /// Ends the request: the browser gets the answer, with what it says about the cookie.
    pub(crate) async fn leave(self) {
        let response = self.answer.await.unwrap_or_else(|never| match never {});
        let Some(set) = response.headers().get(SET_COOKIE) else { return };
        let set = set.to_str().expect("a cookie is text").to_owned();
        let pair = set.split(';').next().unwrap_or_default().to_owned();
        let forget = set.contains("Max-Age=0");
        if let Some((_, token)) = pair.split_once('=').filter(|_| !forget) {
            cloakroom_secret_scan::record("token", token);
        }
        let mut jar = self.visitor.jar();
        jar.cookie = (!forget).then_some(pair);
        jar.received = Some(set);
    }
}

impl Deref for Visit {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}
