use axum::Router;
use axum::body::Body;
use http::header::{COOKIE as COOKIE_HEADER, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{COOKIE, ticket};

/// A client that keeps the one cookie that it is given, and obeys when it is told to forget it.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    app: Router,
    pub(crate) cookie: Option<String>,
}

/// A response, with its body read.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new(app: &Router) -> Self {
        Self { app: app.clone(), cookie: None }
    }

    pub(crate) fn holding(app: &Router, cookie: impl Into<String>) -> Self {
        Self { app: app.clone(), cookie: Some(cookie.into()) }
    }

    /// The same client, and its next request reaches another process.
    pub(crate) fn at(&self, app: &Router) -> Self {
        Self { app: app.clone(), cookie: self.cookie.clone() }
    }

    /// A request that reads, after which the client has seen all there is to see: over a store, the
    /// next answer gives no newer version hint unless something was written.
    pub(crate) async fn settle(&mut self) {
        self.get("/note").await.ok();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.request(Method::GET, path).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Reply {
        self.request(Method::POST, path).await
    }

    /// What the client holds, without the hint.
    pub(crate) fn ticket(&self) -> String {
        ticket(self.cookie.as_deref().expect("the client was given a cookie")).to_owned()
    }

    async fn request(&mut self, method: Method, path: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE_HEADER, format!("{COOKIE}={cookie}"));
        }
        let reply = send(&self.app, request.body(Body::empty()).unwrap()).await;
        if let Some(given) = reply.given() {
            cloakroom_secret_scan::record("token", given);
            self.cookie = (!given.is_empty()).then(|| given.to_owned());
        }
        reply
    }
}

impl Reply {
    /// The whole `Set-Cookie` field, of which there may be one at most.
    pub(crate) fn set_cookie(&self) -> Option<&str> {
        let mut fields = self.headers.get_all(SET_COOKIE).iter();
        let first = fields.next()?.to_str().unwrap();
        assert_eq!(fields.next(), None, "two Set-Cookie fields");
        Some(first)
    }

    /// The cookie's value that the client is to keep; empty if it is to forget.
    pub(crate) fn given(&self) -> Option<&str> {
        let (pair, _) = self.set_cookie()?.split_once(';')?;
        Some(pair.strip_prefix(COOKIE)?.strip_prefix('=').unwrap())
    }

    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self
    }
}

/// A request with exactly this `Cookie` field.
pub(crate) fn with_cookie(path: &str, field: &[u8]) -> Request<Body> {
    Request::builder().uri(path).header(COOKIE_HEADER, field).body(Body::empty()).unwrap()
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Reply {
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}
