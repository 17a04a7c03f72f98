use std::error::Error;
use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use cloakroom::SessionError;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};

use crate::auth_layer::SignInTarget;
use crate::client::{has_bearer_token, shows_pages};
use crate::next::{is_at, login_address};

/// The reason why a [`User`](crate::User) or a [`Guard`](crate::Guard) refused a request.
///
/// Take a `Result<User<U>, AuthRejection>` to respond in another way.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum AuthRejection {
    /// Nobody is signed in. Response: see [`SignInRequired`].
    #[error("nobody is signed in")]
    SignIn(SignInRequired),
    /// The user may not do this. Response: 403, and never a redirect, because another login as the
    /// same user would not help.
    #[error("the user does not have the required permission")]
    Forbidden,
    /// No [`AuthLayer`](crate::AuthLayer) for this type of user wraps the route. Response: 500. A
    /// debug build shows this message in it.
    #[error("{0}")]
    NoAuthLayer(NoAuthLayer),
    /// A fault: the user is unknown. Response: that of the error, such as 503.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Nobody is signed in.
///
/// As a response: for a browser, if there is a [login page](crate::AuthLayer::login_page), `303 See
/// Other` to it, with the requested page as the parameter `next` if it was requested by `GET` or
/// `HEAD`. The body of another request is gone after the login, so there is no page to return to.
/// Otherwise 401 with `WWW-Authenticate` (RFC 9110 §11.6.1): `Bearer` for a request with a bearer
/// token, with `error="invalid_token"` (RFC 6750 §3.1) if its session has just ended, and
/// `Session error="login_required"` for others. All have `Cache-Control: no-store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInRequired {
    location: Option<HeaderValue>,
    challenge: &'static str,
}

impl SignInRequired {
    /// Returns the address of the login page, if the response is a redirect.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.location.as_ref()?.to_str().ok()
    }

    fn for_request(parts: &Parts) -> Self {
        let challenge = if has_bearer_token(&parts.headers) { "Bearer" } else { "Session error=\"login_required\"" };
        let target = parts.extensions.get::<SignInTarget>().cloned().unwrap_or_default();
        let requested = target.requested.as_ref().or(parts.uri.path_and_query()).map_or("/", |path| path.as_str());
        let page = target.login_page.filter(|_| shows_pages(&parts.headers));
        if let Some(page) = page.as_ref().filter(|page| is_at(requested, page)) {
            tracing::error!(
                login_page = &**page,
                "the login page requires a login, so visitors cannot sign in; move its route out of the guard"
            );
            return Self { location: None, challenge };
        }
        let next = matches!(parts.method, Method::GET | Method::HEAD).then_some(requested);
        // Visible ASCII, so this is always a valid header value.
        let location = page.and_then(|page| HeaderValue::try_from(login_address(&page, next)).ok());
        Self { location, challenge }
    }
}

/// The message for the developer who forgot an [`AuthLayer`](crate::AuthLayer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAuthLayer(String);

impl fmt::Display for NoAuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AuthRejection {
    /// Nobody is signed in to this request.
    pub(crate) fn sign_in(parts: &Parts) -> Self {
        Self::SignIn(SignInRequired::for_request(parts))
    }

    /// The session of the request's bearer token has just ended.
    pub(crate) fn invalid_token() -> Self {
        Self::SignIn(SignInRequired { location: None, challenge: "Bearer error=\"invalid_token\"" })
    }

    pub(crate) fn no_layer(user: &'static str, parts: &Parts) -> Self {
        // Without the query, which may contain data that does not belong in a log.
        let (method, path) = (&parts.method, parts.uri.path());
        Self::NoAuthLayer(NoAuthLayer(format!(
            "{method} {path:?} needs a user of type `{user}`, but no `AuthLayer` for that type wraps it; add \
             `.layer(AuthLayer::new(source))` to the router, after its routes and guards and before the \
             `SessionLayer`"
        )))
    }
}

/// Prints the `Display` text and the sources, because `unwrap` prints errors with `Debug`.
impl fmt::Debug for AuthRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut next = self.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

impl IntoResponse for AuthRejection {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(required) => required.into_response(),
            Self::Forbidden => answer(StatusCode::FORBIDDEN, "You may not do this.\n", None),
            Self::NoAuthLayer(mistake) => {
                tracing::error!(%mistake, "a request failed");
                let body =
                    if cfg!(debug_assertions) { format!("{mistake}.\n") } else { "Something went wrong.\n".into() };
                answer(StatusCode::INTERNAL_SERVER_ERROR, body, None)
            }
            Self::Session(error) => error.into_response(),
        }
    }
}

impl IntoResponse for SignInRequired {
    fn into_response(self) -> Response {
        let text = "Please sign in.\n";
        match self.location {
            Some(location) => answer(StatusCode::SEE_OTHER, text, Some((LOCATION, location))),
            None => {
                let challenge = HeaderValue::from_static(self.challenge);
                answer(StatusCode::UNAUTHORIZED, text, Some((WWW_AUTHENTICATE, challenge)))
            }
        }
    }
}

fn answer(status: StatusCode, body: impl Into<Body>, field: Option<(HeaderName, HeaderValue)>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    // The next request for this address may be one of a user who may see it.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(field);
    response
}
