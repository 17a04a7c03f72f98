//! An open shop, and visitors who keep their cookie.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cloakroom_shop::{Db, Shop, app, sessions};
use reqwest::header::{ACCEPT, COOKIE, HeaderMap, SET_COOKIE, USER_AGENT};
use reqwest::{Client, Method, StatusCode, redirect};

pub(crate) const HTML: &str = "text/html,application/xhtml+xml";
pub(crate) const JSON: &str = "application/json";
pub(crate) const ANY: &str = "*/*";
pub(crate) const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A shop on a port of its own, with a database of its own.
pub(crate) struct Open {
    pub(crate) shop: Shop,
    pub(crate) site: String,
}

impl Open {
    pub(crate) async fn new() -> Self {
        Self::with(sessions::in_memory().expect("the shop's settings work"), true).await
    }

    pub(crate) async fn with(sessions: cloakroom::Sessions, session_cache: bool) -> Self {
        Self::over(Db::in_memory(Duration::ZERO).await.expect("the migrations run"), sessions, session_cache).await
    }

    pub(crate) async fn over(db: Db, sessions: cloakroom::Sessions, session_cache: bool) -> Self {
        let shop = Shop::new(db, sessions, session_cache);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let site = format!("http://{}", listener.local_addr().expect("an address"));
        let service = app(&shop).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(listener, service).into_future());
        Self { shop, site }
    }

    /// Somebody with a browser.
    pub(crate) fn browser(&self) -> Visitor {
        self.visitor(HTML)
    }

    /// Somebody with a program that takes `accept`.
    pub(crate) fn visitor(&self, accept: &'static str) -> Visitor {
        Visitor::at(&self.site, accept)
    }

    /// A browser that is signed in as one of the people of the demo.
    pub(crate) async fn signed_in(&self, name: &str) -> Visitor {
        let visitor = self.browser();
        visitor.sign_in(name).await;
        visitor
    }
}

/// A client that keeps the session cookie, as browsers do.
pub(crate) struct Visitor {
    http: Client,
    site: String,
    accept: &'static str,
    cookie: Mutex<Option<String>>,
}

/// What the shop answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Visitor {
    /// Somebody with a program that takes `accept`, at the shop with this address.
    pub(crate) fn at(site: &str, accept: &'static str) -> Self {
        Self { http: http_client(), site: site.to_owned(), accept, cookie: Mutex::default() }
    }

    pub(crate) fn token(&self) -> Option<String> {
        self.cookie.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn take_token(&self, token: Option<String>) {
        *self.cookie.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.send(Method::POST, path, &[], Some(form(fields))).await
    }

    pub(crate) async fn sign_in(&self, name: &str) {
        let password = format!("{name}-demo");
        let reply = self.post("/login", &[("name", name), ("password", &password)]).await;
        assert!(reply.status.is_success() || reply.status.is_redirection(), "{name} cannot sign in: {reply:?}");
    }

    /// One request. No answer may ever contain the token that came with it or that it sets.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        form: Option<String>,
    ) -> Reply {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.site));
        request = request.header(ACCEPT, self.accept).header(USER_AGENT, FIREFOX);
        let sent = self.token();
        if let Some(token) = &sent {
            request = request.header(COOKIE, format!("session={token}"));
        }
        // As every browser says it of the forms of the page that it shows.
        if !method.is_safe() && !headers.iter().any(|(name, _)| ["origin", "sec-fetch-site"].contains(name)) {
            request = request.header("sec-fetch-site", "same-origin");
        }
        if let Some(form) = form {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let reply = Reply { status, headers, body: response.text().await.expect("a body of text") };
        self.keep_cookie(&reply);
        for token in [sent, self.token()].into_iter().flatten() {
            assert!(!reply.body.contains(&token[..16]), "{path} shows a token");
        }
        reply
    }

    fn keep_cookie(&self, reply: &Reply) {
        let Some(cookie) = reply.cookie() else { return };
        let (value, attributes) = cookie.split_once(';').unwrap_or((&cookie, ""));
        cloakroom_secret_scan::record("token", value);
        self.take_token((!attributes.contains("Max-Age=0")).then(|| value.to_owned()));
    }
}

impl Reply {
    /// The value and the attributes of the session cookie, if one is set.
    pub(crate) fn cookie(&self) -> Option<String> {
        self.header(SET_COOKIE.as_str())?.strip_prefix("session=").map(str::to_owned)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    #[track_caller]
    pub(crate) fn assert(&self, status: u16, text: &str) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert!(self.body.contains(text), "{text:?} is not in {}", self.body);
        self
    }
}

/// Fields as a browser sends them; good for the few characters that the tests use.
fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+")));
    pairs.collect::<Vec<_>>().join("&")
}

/// A client that follows no redirects.
///
/// In a build of the whole workspace, another package enables the client's TLS, which then needs a
/// provider even for plain HTTP.
pub(crate) fn http_client() -> Client {
    // An error means that another test has installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(redirect::Policy::none()).build().expect("a client")
}
