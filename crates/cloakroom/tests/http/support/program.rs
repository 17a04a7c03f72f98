use axum::Router;
use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};

use super::{Reply, send, ticket};

/// A client that keeps no cookies: it sends the one token that it was given as a bearer token, and obeys when it is
/// told to forget it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    app: Router,
    pub(crate) token: Option<String>,
}

impl Program {
    pub(crate) fn new(app: &Router) -> Self {
        Self { app: app.clone(), token: None }
    }

    pub(crate) fn holding(app: &Router, token: impl Into<String>) -> Self {
        Self { app: app.clone(), token: Some(token.into()) }
    }

    /// The same client, and its next request reaches another process.
    pub(crate) fn at(&self, app: &Router) -> Self {
        Self { app: app.clone(), token: self.token.clone() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.request(Method::GET, path).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Reply {
        self.request(Method::POST, path).await
    }

    /// What the client holds, without the hint.
    pub(crate) fn ticket(&self) -> String {
        ticket(self.token.as_deref().expect("the client was given a token")).to_owned()
    }

    async fn request(&mut self, method: Method, path: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let reply = send(&self.app, request.body(Body::empty()).unwrap()).await;
        match reply.token() {
            Some("!ended") => self.token = None,
            Some(given) => {
                cloakroom_secret_scan::record("token", given);
                self.token = Some(given.to_owned());
            }
            None => {}
        }
        reply
    }
}

impl Reply {
    /// What a program is told whose token opens nothing (RFC 6750 §3.1).
    #[track_caller]
    pub(crate) fn invalid_token(self) -> Self {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED, "{}", self.body);
        assert_eq!(self.header("www-authenticate"), ["Bearer error=\"invalid_token\""]);
        assert_eq!((self.set_cookie(), self.token()), (None, None));
        self
    }

    /// What the header for tokens says, which stands in a response once at most.
    pub(crate) fn token(&self) -> Option<&str> {
        let fields = self.header("session-token");
        assert!(fields.len() <= 1, "{fields:?}");
        fields.first().copied()
    }
}
