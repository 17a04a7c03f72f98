use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::response::Response;
use tower::Service;

use crate::Failure;
use crate::world::{Ask, Jar, OTHER_COOKIES};

/// No answer here is longer.
const ROOM: usize = 1024;

/// A node, asked without a network.
#[derive(Clone)]
pub(super) struct Site(pub(super) Router);

/// What of an answer matters here.
pub(super) struct Reply {
    /// From `Service::wake` to the head of the answer.
    pub(super) took: Duration,
    /// The cookies that it sets.
    pub(super) jar: Jar,
    pub(super) number: u64,
}

impl Site {
    pub(super) async fn ask(&mut self, ask: Ask, cookie: &str) -> Result<Reply, Failure> {
        let separator = if cookie.is_empty() { "" } else { "; " };
        let request = Request::builder().method(ask.method).uri(ask.path);
        let request = request.header(COOKIE, format!("{OTHER_COOKIES}{separator}{cookie}")).body(Body::empty())?;
        let began = Instant::now();
        let answer: Result<Response, Infallible> = self.0.call(request).await;
        let took = began.elapsed();
        let Ok(answer) = answer;
        if !answer.status().is_success() {
            return Err(format!("{}: answered with {}", ask.path, answer.status()).into());
        }
        let mut jar = Jar::default();
        let sets = answer.headers().get_all(SET_COOKIE).iter().filter_map(|set| set.to_str().ok());
        sets.for_each(|set| jar.keep(set));
        let number = std::str::from_utf8(&to_bytes(answer.into_body(), ROOM).await?)?.parse()?;
        Ok(Reply { took, jar, number })
    }

    /// A new session's cookie.
    pub(super) async fn start(&mut self) -> Result<String, Failure> {
        let reply = self.ask(Ask::post("/start"), "").await?;
        match reply.jar.is_empty() {
            true => Err("a session was started without a cookie".into()),
            false => Ok(reply.jar.line().to_owned()),
        }
    }
}
