use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// A client that keeps its cookies.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    app: Router,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// A response as a client sees it.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    headers: HeaderMap,
}

impl Browser {
    pub(crate) fn new(app: &Router) -> Self {
        Self { app: app.clone(), cookies: BTreeMap::new() }
    }

    /// The same client at another node.
    pub(crate) fn at(&self, app: &Router) -> Self {
        Self { app: app.clone(), ..self.clone() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, "").await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &str) -> Reply {
        self.send(Method::POST, path, form).await
    }

    async fn send(&mut self, method: Method, path: &str, form: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !form.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let (parts, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        for set in parts.headers.get_all(SET_COOKIE) {
            self.store(set.to_str().unwrap());
        }
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Reply { status: parts.status, body, headers: parts.headers }
    }

    fn store(&mut self, set_cookie: &str) {
        let (name, value) = set_cookie.split(';').next().unwrap().split_once('=').unwrap();
        cloakroom_secret_scan::record("token", value);
        if value.is_empty() || set_cookie.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Returns the client's token of Cloakroom.
    pub(crate) fn token(&self) -> Option<&str> {
        self.cookies.get("session").map(String::as_str)
    }
}

impl Reply {
    #[track_caller]
    pub(crate) fn is(&self, status: StatusCode, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body), "{:?}", self.headers);
    }

    #[track_caller]
    pub(crate) fn ok(&self, body: &str) {
        self.is(StatusCode::OK, body);
    }

    #[track_caller]
    pub(crate) fn redirects_to(&self, location: &str) {
        assert!(self.status.is_redirection(), "{self:?}");
        assert_eq!(self.header(LOCATION), Some(location));
    }

    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn set_cookie(&self) -> Option<&str> {
        self.header(SET_COOKIE)
    }

    pub(crate) fn cache_control(&self) -> Option<&str> {
        self.header(CACHE_CONTROL)
    }
}
