use std::time::Duration;

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::error::SessionError;
use crate::time::Timestamp;
use crate::token::{Authentication, Principal};

use super::extract::session_for;

/// An extractor for requests whose user logged in less than `SECONDS` ago.
///
/// For operations that must not be possible in a session that its user has left open, such as
/// changing a password, an address or a payment (OWASP ASVS 7.5.1, 7.5.3).
///
/// ```
/// use cloakroom::RecentLogin;
///
/// async fn close_account(login: RecentLogin<300>) -> String {
///     format!("good bye, {}", login.principal().as_str())
/// }
/// # let _: axum::Router = axum::Router::new().route("/close", axum::routing::post(close_account));
/// ```
///
/// Only [`Session::login`](crate::Session::login) renews the time of a login: a page that has asked
/// for the password again calls it, which also rotates the token. The check reads the shared tier,
/// ignoring cached copies, so a session that was revoked on another node a moment ago is refused;
/// that costs one round trip.
///
/// All other requests are refused with [`RecentLoginRejection`], with the same response whether
/// nobody is logged in or the login is too old. Take a `Result<RecentLogin<300>,
/// RecentLoginRejection>` to show a page instead.
#[derive(Clone, Debug)]
pub struct RecentLogin<const SECONDS: u64>(Authentication);

impl<const SECONDS: u64> RecentLogin<SECONDS> {
    /// The logged-in principal.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// The time of the login.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.0.at
    }
}

impl<S: Sync, const SECONDS: u64> FromRequestParts<S> for RecentLogin<SECONDS> {
    type Rejection = RecentLoginRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, RecentLoginRejection> {
        let session = session_for::<Self>(parts)?;
        let recent = session.recent_login(Duration::from_secs(SECONDS)).await?;
        recent.map(Self).ok_or(RecentLoginRejection::TooLongAgo { seconds: SECONDS })
    }
}

/// The reason why a [`RecentLogin`] was refused.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RecentLoginRejection {
    /// Nobody is logged in, or the login is too old.
    ///
    /// As a response: 401 with `WWW-Authenticate: Session error="insufficient_user_authentication",
    /// max_age="300"`, in the terms of RFC 9470 for programs that read it. The body does not tell
    /// the two cases apart.
    #[error("a login within the last {seconds} seconds is required")]
    TooLongAgo {
        /// The maximum age of the login.
        seconds: u64,
    },
    /// A fault: the login is unknown.
    #[error(transparent)]
    Session(#[from] SessionError),
}

plain_debug!(RecentLoginRejection);

impl IntoResponse for RecentLoginRejection {
    fn into_response(self) -> Response {
        let seconds = match self {
            Self::TooLongAgo { seconds } => seconds,
            Self::Session(error) => return error.into_response(),
        };
        let mut response = Response::new(Body::from("Please log in again.\n"));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let challenge = format!("Session error=\"insufficient_user_authentication\", max_age=\"{seconds}\"");
        // Digits and letters, so this is always a valid header value.
        headers.extend(HeaderValue::try_from(challenge).ok().map(|challenge| (WWW_AUTHENTICATE, challenge)));
        response
    }
}
