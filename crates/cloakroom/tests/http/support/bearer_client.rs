use axum::Router;
use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};

use super::{Reply, bare_token, send};

/// A client without cookies: it sends its token as a bearer token, stores the token of each
/// response, and drops it when a response removes it.
#[derive(Clone, Debug)]
pub(crate) struct BearerClient {
    app: Router,
    pub(crate) token: Option<String>,
}

impl BearerClient {
    pub(crate) fn new(app: &Router) -> Self {
        Self { app: app.clone(), token: None }
    }

    pub(crate) fn holding(app: &Router, token: impl Into<String>) -> Self {
        Self { app: app.clone(), token: Some(token.into()) }
    }

    /// This client, with its next requests sent to another node.
    pub(crate) fn at(&self, app: &Router) -> Self {
        Self { app: app.clone(), token: self.token.clone() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.request(Method::GET, path).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Reply {
        self.request(Method::POST, path).await
    }

    /// The client's token without its hint.
    pub(crate) fn bare_token(&self) -> String {
        bare_token(self.token.as_deref().expect("the client has a token")).to_owned()
    }

    async fn request(&mut self, method: Method, path: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let reply = send(&self.app, request.body(Body::empty()).unwrap()).await;
        match reply.token() {
            Some("!ended") => self.token = None,
            Some(issued) => {
                cloakroom_secret_scan::record("token", issued);
                self.token = Some(issued.to_owned());
            }
            None => {}
        }
        reply
    }
}

impl Reply {
    /// Asserts that this is the response to a bearer token that opens nothing (RFC 6750 §3.1).
    #[track_caller]
    pub(crate) fn invalid_token(self) -> Self {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED, "{}", self.body);
        assert_eq!(self.header("www-authenticate"), ["Bearer error=\"invalid_token\""]);
        assert_eq!((self.set_cookie(), self.token()), (None, None));
        self
    }

    /// The token header; asserts that there is at most one.
    pub(crate) fn token(&self) -> Option<&str> {
        let fields = self.header("session-token");
        assert!(fields.len() <= 1, "{fields:?}");
        fields.first().copied()
    }
}
