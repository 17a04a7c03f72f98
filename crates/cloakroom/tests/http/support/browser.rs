use axum::Router;
use axum::body::Body;
use http::header::{COOKIE as COOKIE_HEADER, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{COOKIE, bare_token};

/// A client with one cookie: it stores the session cookie of each response, and drops it when a
/// response removes it.
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

    /// This client, with its next requests sent to another node.
    pub(crate) fn at(&self, app: &Router) -> Self {
        Self { app: app.clone(), cookie: self.cookie.clone() }
    }

    /// Sends a read, after which the client has the newest version hint: with a store, later
    /// responses set no cookie until something is written.
    pub(crate) async fn sync_hint(&mut self) {
        self.get("/note").await.ok();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.request(Method::GET, path).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Reply {
        self.request(Method::POST, path).await
    }

    /// The client's token without its hint.
    pub(crate) fn bare_token(&self) -> String {
        bare_token(self.cookie.as_deref().expect("the client has a cookie")).to_owned()
    }

    async fn request(&mut self, method: Method, path: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE_HEADER, format!("{COOKIE}={cookie}"));
        }
        let reply = send(&self.app, request.body(Body::empty()).unwrap()).await;
        if let Some(issued) = reply.new_cookie() {
            cloakroom_secret_scan::record("token", issued);
            self.cookie = (!issued.is_empty()).then(|| issued.to_owned());
        }
        reply
    }
}

impl Reply {
    /// The whole `Set-Cookie` field; asserts that there is at most one.
    pub(crate) fn set_cookie(&self) -> Option<&str> {
        let mut fields = self.headers.get_all(SET_COOKIE).iter();
        let first = fields.next()?.to_str().unwrap();
        assert_eq!(fields.next(), None, "two Set-Cookie fields");
        Some(first)
    }

    /// The new value of the cookie; empty if the response removes it.
    pub(crate) fn new_cookie(&self) -> Option<&str> {
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
