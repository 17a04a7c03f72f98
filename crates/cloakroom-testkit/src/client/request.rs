use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use axum_core::body::Body;
use cloakroom::__private::BeforeHandler;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use serde::Serialize;

use super::cookie_jar::Initiator;
use super::redirect::Redirect;
use super::{TestClient, TestResponse, header_name, header_value};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What a client does that has logged out: see [`TokenHeader`](cloakroom::TokenHeader).
const ENDED: &str = "!ended";

/// A request of a [`TestClient`], which is sent when it is awaited.
#[must_use = "a request is sent when it is awaited"]
pub struct TestRequest {
    client: TestClient,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
    other_site: Option<HeaderValue>,
    follows: bool,
    before: Option<BeforeHandler>,
}

impl TestRequest {
    pub(super) fn new(client: TestClient, method: Method, path: &str) -> Self {
        assert!(path.starts_with('/'), "{path:?} is not a path: it has no `/` at its beginning");
        let headers = client.headers.clone();
        let path = path.to_owned();
        Self { client, method, path, headers, body: Vec::new(), other_site: None, follows: false, before: None }
    }

    /// Sets a header, in place of one that the client would send.
    ///
    /// # Panics
    /// If name or value are not valid in HTTP.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(header_name(name), header_value(value));
        self
    }

    /// Sends the fields of a form, as a browser encodes them.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded").body(body)
    }

    /// Sends a value as JSON.
    ///
    /// # Panics
    /// If the value has no JSON.
    pub fn json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("a value without JSON: {error}"));
        self.header(CONTENT_TYPE.as_str(), "application/json").body(body)
    }

    /// Sends these bytes.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request as a page of another site, such as `https://attacker.example`, can: with
    /// its `Origin`, and with the cookies that `SameSite` lets pass. A request with a safe method is
    /// a link, any other one is a form.
    ///
    /// # Panics
    /// If the origin is not valid in a header.
    pub fn from_site(mut self, origin: &str) -> Self {
        self.other_site = Some(header_value(origin));
        self
    }

    /// Follows up to ten redirects within the application. The response is the last one.
    pub fn follow_redirects(mut self) -> Self {
        self.follows = true;
        self
    }

    pub(super) fn before_handler(mut self, work: BeforeHandler) -> Self {
        self.before = Some(work);
        self
    }

    async fn send(mut self) -> TestResponse {
        let mut left = if self.follows { 10 } else { 0 };
        loop {
            let request = self.request();
            let response = self.client.app.call(request).await;
            self.keep_tokens(&response);
            let Some(redirect) = Redirect::of(&response, &self.client.origin, &self.path).filter(|_| left > 0) else {
                return TestResponse::read(response).await;
            };
            left -= 1;
            if redirect.becomes_get(&self.method) {
                self.method = Method::GET;
                self.body.clear();
                self.headers.remove(CONTENT_TYPE);
            }
            self.path = redirect.path;
        }
    }

    fn request(&mut self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.parse().unwrap_or_else(|error| panic!("{:?} is not a path: {error}", self.path));
        *request.headers_mut() = self.headers.clone();
        for (name, value) in self.own_headers() {
            request.headers_mut().entry(name).or_insert(value);
        }
        if let Some(work) = self.before.take() {
            request.extensions_mut().insert(work);
        }
        request
    }

    /// The headers that a browser adds.
    fn own_headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let client = &self.client;
        let state = client.state.lock();
        let (site, initiator) = match self.other_site {
            None => ("same-origin", Initiator::SameSite),
            Some(_) => ("cross-site", Initiator::OtherSite),
        };
        let mut headers = vec![(HOST, header_value(client.origin.authority())), (SITE, HeaderValue::from_static(site))];
        if !self.method.is_safe() {
            let origin = self.other_site.clone().unwrap_or_else(|| header_value(&client.origin.to_string()));
            headers.push((ORIGIN, origin));
        }
        let path = self.path.split('?').next().unwrap_or_default();
        let cookies = state.cookies.header(&client.origin, path, &self.method, initiator, client.clock.now());
        headers.extend(cookies.map(|cookies| (COOKIE, header_value(&cookies))));
        // No page can make the browser send another site's bearer token.
        let token = state.token.as_ref().filter(|_| self.other_site.is_none());
        headers.extend(token.map(|token| (AUTHORIZATION, header_value(&format!("Bearer {token}")))));
        headers
    }

    fn keep_tokens(&self, response: &Response<Body>) {
        let client = &self.client;
        let mut state = client.state.lock();
        let path = self.path.split('?').next().unwrap_or_default();
        for set_cookie in response.headers().get_all(SET_COOKIE) {
            if let Ok(set_cookie) = set_cookie.to_str() {
                state.cookies.store(set_cookie, &client.origin, path, client.clock.now());
            }
        }
        if let Some(token) = response.headers().get(&client.token_header).and_then(|token| token.to_str().ok()) {
            state.token = (token != ENDED).then(|| token.to_owned());
        }
    }
}

impl IntoFuture for TestRequest {
    type Output = TestResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = TestResponse> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Shows neither headers nor body, which may contain secrets.
impl fmt::Debug for TestRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRequest").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}
