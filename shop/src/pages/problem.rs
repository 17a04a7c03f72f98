//! Errors, dressed for whom they are for.

use askama::Template;
use axum::Json;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};

use super::account::Next;
use super::frame::{Frame, Here};
use super::texts::Texts;
use super::{Rendered, page};
use crate::accept::Accept;
use crate::error::{Problem, ShopError};
use crate::request_context::RequestContext;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    text: &'static str,
}

/// Gives an error response the form that the visitor wants; all other responses pass.
///
/// Handlers, layers and the session library answer errors in their own ways. Here, in one place,
/// browsers get a page and programs a line of text or JSON; status and headers stay.
pub(crate) async fn dress(visit: &RequestContext, response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || response.extensions().get::<Rendered>().is_some() {
        return response;
    }
    let problem = response.extensions().get().copied().unwrap_or(Problem::from_status(status));
    match visit.wants() {
        Accept::Html if problem == Problem::SignInFirst => to_login(visit, is_too_long_ago(&response)),
        Accept::Html => match render(visit, problem, status.as_u16()).await {
            Ok(page) => with_body_of(response, page),
            Err(_) => response,
        },
        Accept::Json => with_body_of(response, Json(serde_json::json!({ "error": problem.text() })).into_response()),
        Accept::Text => with_body_of(response, problem.text().into_response()),
    }
}

/// A browser that has to sign in first is brought back afterwards.
fn to_login(visit: &RequestContext, again: bool) -> Response {
    let path = visit.line().split(' ').next_back().unwrap_or_default();
    let login = Next::leading_to(path).map_or_else(|| "/login?".to_owned(), Next::via_login);
    let login = if again { format!("{login}&again") } else { login };
    Redirect::to(login.trim_end_matches('?')).into_response()
}

/// Whether the visitor is signed in, and has been for too long for what was asked (see `RecentLogin`).
fn is_too_long_ago(response: &Response) -> bool {
    response.headers().contains_key(header::WWW_AUTHENTICATE)
}

async fn render(visit: &RequestContext, problem: Problem, status: u16) -> Result<Response, ShopError> {
    let language = visit.language().await.unwrap_or_else(|_| visit.accepted().unwrap_or_default());
    let (title, text) = (Texts::of(language).problem)(problem);
    let frame = match Frame::of(visit, Here::Elsewhere, title, None).await {
        Ok(frame) => frame,
        Err(_) => Frame::bare(language, title),
    };
    page(&ProblemPage { frame, status, text })
}

/// `response` with the body of `other` and the headers that describe it.
fn with_body_of(mut response: Response, other: Response) -> Response {
    let (described, body) = other.into_parts();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().extend(described.headers);
    response.map(|_| Body::new(body))
}
