use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cloakroom::{SessionError, SessionErrorKind};

use crate::frame::{Frame, Page, render};
use crate::visit::Visit;

/// Why a request has no result. Its texts are constant: they repeat nothing of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    NoPage,
    NoSession,
    BadId,
    Forged,
    OtherSite,
    TooManyStreams,
    SearchTookTooLong,
    /// The revocation of several sessions failed after some had ended.
    PartlyRevoked,
    Session(SessionErrorKind),
    /// The response of an extractor or of the router.
    Status(StatusCode),
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    heading: &'static str,
    text: &'static str,
}

impl Problem {
    pub(crate) fn page(self, visit: &Visit) -> Response {
        let (heading, text) = self.words();
        render(self.status(), &ProblemPage { frame: Frame::new(visit, Page::Other, None), heading, text })
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::NoPage | Self::NoSession => StatusCode::NOT_FOUND,
            Self::BadId => StatusCode::BAD_REQUEST,
            Self::Forged | Self::OtherSite => StatusCode::FORBIDDEN,
            Self::TooManyStreams | Self::SearchTookTooLong | Self::PartlyRevoked => StatusCode::SERVICE_UNAVAILABLE,
            Self::Session(kind) => kind.status(),
            Self::Status(status) => status,
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NoPage | Self::Status(StatusCode::NOT_FOUND) => ("No such page", "There is nothing at this address."),
            Self::NoSession => {
                ("No such session", "It has ended, or the id is not complete. The id of a session has 32 digits.")
            }
            Self::BadId => (
                "Not the id of a session",
                "The id of a session is 32 digits from 0 to 9 and from a to f, as this page and the command line show \
                 it.",
            ),
            Self::Forged | Self::Session(SessionErrorKind::CsrfRefused) => (
                "Nothing was changed",
                "The request does not prove that it comes from a form of this page. Go back, load the page again, and \
                 repeat it. If that does not help, a proxy may change the headers `Host` or `Origin`.",
            ),
            Self::OtherSite => ("Not from there", "A page of another site made this request."),
            Self::TooManyStreams => ("Too many live pages", "Close another page with live events first."),
            Self::SearchTookTooLong => (
                "The search took too long",
                "The store has no index of the ids of sessions. Search for the user, whose sessions are listed with \
                 their ids.",
            ),
            Self::PartlyRevoked => (
                "Some sessions may not have ended",
                "The store failed on the way. Sessions that it confirmed have ended; repeat it to end the rest.",
            ),
            Self::Session(SessionErrorKind::OutcomeUnknown) => (
                "The result is not known",
                "The store did not report whether it made the change. Load the list of sessions to see it.",
            ),
            Self::Session(SessionErrorKind::InvalidCursor) => {
                ("No such part of the list", "The link is not one of this list any more. Start with the first page.")
            }
            Self::Session(kind) if kind.status() == StatusCode::SERVICE_UNAVAILABLE => (
                "The session store does not answer",
                "Nothing can be shown or ended right now. The page works again as soon as the store does.",
            ),
            Self::Session(kind) if kind.status() == StatusCode::UNAUTHORIZED => {
                ("Your session has ended", "Sign in again.")
            }
            Self::Session(_) => ("Something went wrong", "The log of the application has the details."),
            Self::Status(StatusCode::METHOD_NOT_ALLOWED) => {
                ("Not this way", "This address takes requests of another method.")
            }
            Self::Status(status) if status.is_client_error() => {
                ("The request cannot be read", "A field is missing, or is not what this page sends.")
            }
            Self::Status(_) => ("Something went wrong", "The log of the application has the details."),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        let kind = error.kind();
        if kind.status().is_server_error() && kind.status() != StatusCode::SERVICE_UNAVAILABLE {
            tracing::error!(?error, "the admin page failed");
        } else {
            tracing::debug!(?error, "the admin page failed");
        }
        Self::Session(kind)
    }
}

/// The page is made by [`wrap`](crate::wrapping::wrap), which has the addresses of the links.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response.extensions_mut().insert(self);
        response
    }
}
