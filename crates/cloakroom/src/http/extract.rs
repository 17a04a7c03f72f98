//! The extractors for axum.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::application::Sessions;
use crate::error::{SessionError, SessionErrorKind};
use crate::session::{DefaultValue, Session, SessionValue};

/// Returns the session of the request, for the extractor `E`.
pub(super) fn session_for<E>(parts: &Parts) -> Result<Session, SessionError> {
    Session::from_extensions(&parts.extensions).ok_or_else(|| {
        // Without the query, which may contain data that does not belong in a log.
        let (extractor, method, path) = (std::any::type_name::<E>(), &parts.method, parts.uri.path());
        let what = format!(
            "the handler of {method} {path:?} takes `{extractor}`, but no `SessionLayer` wraps it; add \
             `.layer(SessionLayer::new(sessions))` to the router, after its routes"
        );
        SessionError::caller_mistake(SessionErrorKind::NoLayer, what)
    })
}

/// Extracts the session. Reads nothing and creates nothing.
///
/// Rejects with [`NoLayer`](SessionErrorKind::NoLayer) if no [`SessionLayer`](crate::SessionLayer)
/// wraps the route.
impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionError> {
        session_for::<Self>(parts)
    }
}

/// Extracts the [`Sessions`] of the layer around the route: for pages that list or end the sessions
/// of a principal.
///
/// Rejects as [`Session`] does.
impl<S: Sync> FromRequestParts<S> for Sessions {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionError> {
        Ok(session_for::<Self>(parts)?.sessions())
    }
}

/// Extracts one value of the session, or its default if there is none. Creates nothing.
impl<S: Sync, T: DefaultValue> FromRequestParts<S> for Session<T> {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionError> {
        Self::read_or_default(session_for::<Self>(parts)?).await
    }
}

/// Extracts one value of the session, or `None` if there is no such value, or no session and no
/// token. Creates nothing.
///
/// A fault is still a rejection, and so is a session that ended after this request presented it,
/// and an invalid token if the layer [rejects](crate::config::OnInvalidToken) those: absent is not
/// the same as broken.
impl<S: Sync, T: SessionValue> OptionalFromRequestParts<S> for Session<T> {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, SessionError> {
        Self::read(session_for::<Option<Self>>(parts)?).await
    }
}
