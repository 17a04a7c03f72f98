//! The proof that a form was sent by a page of the member of staff.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use cloakroom::SameOrigin;

use crate::problem::Problem;
use crate::visit::Visit;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The first wall: the headers that a browser adds, and a page cannot forge.
///
/// At least one must be there, unlike for [`SameOrigin`] alone: a guard may be satisfied by what a
/// browser sends by itself, such as `Authorization: Basic` or a client certificate, and then the
/// origin is the only proof. All browsers send `Origin` with a form since 2020.
pub(crate) struct FromThisOrigin;

impl<S: Send + Sync> FromRequestParts<S> for FromThisOrigin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let is_named = parts.headers.contains_key(SITE) || parts.headers.contains_key(header::ORIGIN);
        match SameOrigin::from_request_parts(parts, state).await {
            Ok(_) if is_named => Ok(Self),
            _ => Err(Problem::Forged),
        }
    }
}

impl Visit {
    /// The second wall: the CSRF token of the session of the member of staff. Without a session there
    /// is nothing that a token could be bound to.
    pub(crate) async fn check_csrf(&self, token: &str) -> Result<(), Problem> {
        let Some(session) = &self.session else { return Ok(()) };
        if session.exists().await? {
            session.check_csrf(token).await?;
        }
        Ok(())
    }
}
