use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use cloakroom::CsrfToken;

use crate::assets;
use crate::links::Links;
use crate::visit::Visit;

/// A page of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Overview,
    Events,
    Statistics,
    Other,
}

/// The parts that all pages have in common.
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) links: Links,
    pub(crate) way_back: Option<(String, String)>,
    page: Page,
    token: Option<CsrfToken>,
}

impl Frame {
    pub(crate) fn new(visit: &Visit, page: Page, token: Option<CsrfToken>) -> Self {
        let (title, links, way_back) = (visit.title.clone(), visit.links.clone(), visit.way_back.clone());
        Self { title, links, way_back, page, token }
    }

    /// Returns the value of `aria-current` for a link of the navigation.
    pub(crate) fn current(&self, page: Page) -> &'static str {
        if self.page == page { "page" } else { "false" }
    }

    /// Returns the CSRF token for the forms of the page; empty if there is no session.
    pub(crate) fn csrf(&self) -> &str {
        self.token.as_ref().map_or("", CsrfToken::as_str)
    }

    pub(crate) fn style(&self) -> String {
        self.links.to(&assets::STYLE.address())
    }

    pub(crate) fn script(&self) -> String {
        self.links.to(&assets::SCRIPT.address())
    }
}

/// Marks a response that is a page, whatever its status.
#[derive(Clone, Copy)]
pub(crate) struct Rendered;

pub(crate) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            response.extensions_mut().insert(Rendered);
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
