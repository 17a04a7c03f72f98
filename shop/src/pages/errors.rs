//! Error responses, as a page, JSON or text.

use askama::Template;
use axum::Json;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};

use super::{Frame, Page, Rendered, Texts, render};
use crate::error::{Problem, ShopError};
use crate::request_context::{Accept, RequestContext};

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    text: &'static str,
}

/// Replaces the body of an error response with the format that the visitor accepts.
///
/// Handlers, layers and the session library produce errors in different formats. Status and
/// headers stay the same, and so do all other responses.
pub(crate) async fn render_error(ctx: &RequestContext, response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || response.extensions().get::<Rendered>().is_some() {
        return response;
    }
    let problem = response.extensions().get().copied().unwrap_or(Problem::from_status(status));
    match ctx.accept {
        Accept::Html if problem == Problem::SignInFirst => redirect_to_login(ctx, login_is_too_old(&response)),
        Accept::Html => match page(ctx, problem, status.as_u16()).await {
            Ok(page) => replace_body(response, page),
            Err(_) => response,
        },
        Accept::Json => replace_body(response, Json(serde_json::json!({ "error": problem.text() })).into_response()),
        Accept::Text => replace_body(response, problem.text().into_response()),
    }
}

/// Redirects a browser to the sign-in, and from there back to the page that it requested.
fn redirect_to_login(ctx: &RequestContext, again: bool) -> Response {
    let next = [Page::Devices, Page::Password, Page::Staff];
    let next = next.into_iter().find(|page| ctx.path().starts_with(page.path()));
    let query = [next.map(|page| format!("next={}", page.name())), again.then(|| "again".to_owned())];
    let query = query.into_iter().flatten().collect::<Vec<_>>().join("&");
    Redirect::to(format!("/login?{query}").trim_end_matches('?')).into_response()
}

/// Returns whether the visitor is signed in, but too long ago for the request (see `RecentLogin`).
fn login_is_too_old(response: &Response) -> bool {
    response.headers().contains_key(header::WWW_AUTHENTICATE)
}

async fn page(ctx: &RequestContext, problem: Problem, status: u16) -> Result<Response, ShopError> {
    let language = ctx.language().await.unwrap_or_else(|_| ctx.accept_language.unwrap_or_default());
    let (title, text) = (Texts::of(language).problem)(problem);
    let frame = match Frame::new(ctx, Page::Other, None).await {
        Ok(frame) => Frame { title: title.to_owned(), ..frame },
        Err(_) => Frame::without_session(language, title),
    };
    render(&ProblemPage { frame, status, text })
}

/// Returns `response` with the body and the headers of `other`.
fn replace_body(mut response: Response, other: Response) -> Response {
    let (parts, body) = other.into_parts();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().extend(parts.headers);
    response.map(|_| Body::new(body))
}
