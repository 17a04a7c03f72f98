//! The extractors for axum.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::session::{DefaultValue, Session, SessionValue};
use crate::sessions::{SessionError, SessionErrorKind, Sessions};

/// The session. Reads nothing and creates nothing.
///
/// Rejects with [`NoLayer`](SessionErrorKind::NoLayer) where no [`SessionLayer`](crate::SessionLayer) wraps the route.
impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionError> {
        Self::from_extensions(&parts.extensions).ok_or_else(|| SessionError::new(SessionErrorKind::NoLayer))
    }
}

/// The [`Sessions`] of the layer around the route: for pages that list or end the sessions of a principal.
///
/// Rejects as [`Session`] does.
impl<S: Sync> FromRequestParts<S> for Sessions {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, SessionError> {
        Ok(<Session as FromRequestParts<S>>::from_request_parts(parts, state).await?.sessions())
    }
}

/// One value of the session, or its default where there is none. Creates nothing.
impl<S: Sync, T: DefaultValue> FromRequestParts<S> for Session<T> {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, SessionError> {
        let session = <Session as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Self::read_or_default(session).await
    }
}

/// One value of the session, or `None` where there is no such value, or no session and no token. Creates nothing.
///
/// A fault is still a rejection, and so is a session that ended after this request was shown it, and a token that opens
/// nothing where the layer [rejects](crate::OnInvalidToken) such tokens: absent is not the same as broken.
impl<S: Sync, T: SessionValue> OptionalFromRequestParts<S> for Session<T> {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, SessionError> {
        let session = <Session as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Self::read(session).await
    }
}
