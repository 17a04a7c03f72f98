//! The errors of a request, and their responses.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cloakroom::SessionError;

use crate::db::DbError;

/// An error as the visitor sees it.
///
/// Its text is constant, so that it reveals nothing internal and repeats nothing of the request
/// (OWASP ASVS 16.5.1). Browsers get a page in their language, see `pages::render_error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    BadInput(&'static str),
    SignInFirst,
    WrongPassword,
    NotAllowed,
    CrossSite,
    UnknownSite,
    NoSuchItem,
    NoSuchPage,
    NoSuchDevice,
    WrongMethod,
    SoldOut,
    Conflict,
    TooLarge,
    TooManyAttempts,
    Internal,
    Unavailable,
}

impl Problem {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::BadInput(_) => StatusCode::BAD_REQUEST,
            Self::SignInFirst | Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::NotAllowed | Self::CrossSite | Self::UnknownSite => StatusCode::FORBIDDEN,
            Self::NoSuchItem | Self::NoSuchPage | Self::NoSuchDevice => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::SoldOut | Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Returns the problem for a status that a layer or a library responded with.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::SignInFirst,
            StatusCode::FORBIDDEN => Self::NotAllowed,
            StatusCode::NOT_FOUND => Self::NoSuchPage,
            StatusCode::METHOD_NOT_ALLOWED => Self::WrongMethod,
            StatusCode::CONFLICT => Self::Conflict,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            other if other.is_client_error() => Self::BadInput("the request could not be read; check its fields"),
            _ => Self::Internal,
        }
    }

    /// Returns the text for programs.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::BadInput(detail) => detail,
            Self::SignInFirst => "Sign in first: POST name and password to /login",
            Self::WrongPassword => "This name and password do not belong together",
            Self::NotAllowed => "Your account may not do this",
            Self::CrossSite => "Refused: this request was sent by another site",
            Self::UnknownSite => {
                "Refused: a write with a cookie must name the site that sent it; add the header `Sec-Fetch-Site: none`"
            }
            Self::NoSuchItem => "No such item; GET / lists the items",
            Self::NoSuchPage => "There is nothing at this address; start at /",
            Self::NoSuchDevice => "No such device; GET /devices lists yours",
            Self::WrongMethod => "This address does not take this method; see the Allow header",
            Self::SoldOut => "This item is sold out",
            Self::Conflict => "Somebody else changed this at the same moment; try again",
            Self::TooLarge => "This is more than the shop can keep; send less",
            Self::TooManyAttempts => "Too many attempts for this account; try again in a minute",
            Self::Internal => "Something went wrong on our side",
            Self::Unavailable => "The shop cannot reach its session store; nothing is lost, try again in a moment",
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.text()).into_response();
        let wait = match self {
            Self::TooManyAttempts => Some("60"),
            Self::Unavailable => Some("1"),
            _ => None,
        };
        if let Some(seconds) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The error of a handler.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShopError {
    #[error("{}", .0.text())]
    Problem(Problem),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Database(Arc<DbError>),
    #[error("cannot render a page: {0}")]
    Render(#[from] askama::Error),
    #[error("cannot write a value as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a background task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    #[error("cannot hash a password: {0}")]
    Password(argon2::password_hash::Error),
}

impl From<Problem> for ShopError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<DbError> for ShopError {
    fn from(error: DbError) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<Arc<DbError>> for ShopError {
    fn from(error: Arc<DbError>) -> Self {
        Self::Database(error)
    }
}

impl IntoResponse for ShopError {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            // The library logs the details that its response leaves out.
            Self::Session(error) => error.into_response(),
            Self::Database(error) => {
                tracing::error!(%error, "the database could not answer");
                if error.is_transient() { Problem::Unavailable } else { Problem::Internal }.into_response()
            }
            other => {
                tracing::error!(error = %other, "a request failed");
                Problem::Internal.into_response()
            }
        }
    }
}
