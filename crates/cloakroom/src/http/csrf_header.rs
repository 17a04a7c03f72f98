use axum_core::extract::FromRequestParts;
use http::HeaderName;
use http::request::Parts;

use crate::error::SessionError;

use super::extract::session_for;

const NAME: HeaderName = HeaderName::from_static("x-csrf-token");

/// An extractor for requests whose header `X-CSRF-Token` contains a [`CsrfToken`](crate::CsrfToken)
/// of their session.
///
/// For the scripts of your pages. Forms send the token as a field, for
/// [`Session::check_csrf`](crate::Session::check_csrf).
///
/// Rejects with [`CsrfRefused`](crate::error::SessionErrorKind::CsrfRefused): 403.
///
/// ```
/// use cloakroom::CsrfHeader;
///
/// async fn pay(_: CsrfHeader) -> &'static str {
///     "paid"
/// }
/// # let _: axum::Router = axum::Router::new().route("/pay", axum::routing::post(pay));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CsrfHeader(());

impl<S: Sync> FromRequestParts<S> for CsrfHeader {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionError> {
        let session = session_for::<Self>(parts)?;
        let mut presented = parts.headers.get_all(NAME).iter();
        // Two headers contradict each other, or one of them was added by an attacker.
        let only = presented.next().filter(|_| presented.next().is_none());
        let presented = only.and_then(|presented| presented.to_str().ok()).unwrap_or_default();
        session.check_csrf(presented).await.map(|()| Self(()))
    }
}
