use axum_core::extract::FromRequestParts;
use http::HeaderName;
use http::request::Parts;

use crate::error::SessionError;

use super::extract::session_for;

const NAME: HeaderName = HeaderName::from_static("x-csrf-token");

/// A request whose header `X-CSRF-Token` shows a [`CsrfToken`](crate::CsrfToken) of its session; for the scripts
/// of your pages. Forms send theirs as a field, for [`Session::check_csrf`](crate::Session::check_csrf).
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
        let mut shown = parts.headers.get_all(NAME).iter();
        // Two contradict each other, or mean that somebody added one.
        let only = shown.next().filter(|_| shown.next().is_none());
        let shown = only.and_then(|shown| shown.to_str().ok()).unwrap_or_default();
        session.check_csrf(shown).await.map(|()| Self(()))
    }
}
