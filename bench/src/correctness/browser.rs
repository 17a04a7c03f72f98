use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::response::Response;
use tower::ServiceExt;

use crate::Failure;

/// No answer here is longer.
const ROOM: usize = 1024;

/// Something that asks one node.
#[derive(Clone)]
pub(super) struct Browser(Router);

/// What of an answer matters here.
pub(super) struct Reply {
    pub(super) status: u16,
    /// `name=value` of the cookie that it sets.
    pub(super) sets: Option<String>,
    pub(super) body: String,
}

impl Browser {
    pub(super) const fn of(router: Router) -> Self {
        Self(router)
    }

    /// `request` is such as `POST /count`.
    pub(super) async fn ask(&self, request: &str, cookie: &str) -> Result<Reply, Failure> {
        let (method, path) = request.split_once(' ').unwrap_or_default();
        let request = Request::builder().method(method).uri(path).header(COOKIE, cookie).body(Body::empty())?;
        let answer: Result<Response, Infallible> = self.0.clone().oneshot(request).await;
        let Ok(answer) = answer;
        let status = answer.status().as_u16();
        let set = answer.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
        let sets = set.and_then(|cookie| cookie.split(';').next()).map(str::to_owned);
        let body = String::from_utf8(to_bytes(answer.into_body(), ROOM).await?.to_vec())?;
        Ok(Reply { status, sets, body })
    }

    /// The cookie of a new session.
    pub(super) async fn start(&self) -> Result<String, Failure> {
        self.ask("POST /start", "").await?.sets.ok_or_else(|| "a session was started without a cookie".into())
    }

    /// How many items the cart has, and the status where there is no number.
    pub(super) async fn items(&self, cookie: &str) -> Result<String, Failure> {
        let reply = self.ask("GET /cart", cookie).await?;
        Ok(if reply.status == 200 { reply.body } else { format!("status {}", reply.status) })
    }
}
