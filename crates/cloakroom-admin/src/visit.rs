use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use cloakroom::{PublicId, Session};

use crate::admin_page::Admin;
use crate::frame::{Frame, Page};
use crate::links::Links;
use crate::problem::Problem;

/// A request of a member of staff.
pub(crate) struct Visit {
    admin: Arc<Admin>,
    pub(crate) links: Links,
    /// The session of the member of staff, if a session layer wraps the router.
    pub(crate) session: Option<Session>,
    /// Whether a page of another site, or a bookmark, led here.
    is_from_elsewhere: bool,
}

impl Visit {
    pub(crate) fn new(admin: &Arc<Admin>, parts: &Parts) -> Self {
        Self {
            admin: Arc::clone(admin),
            links: admin.links.clone().unwrap_or_else(|| Links::of(parts)),
            session: Session::from_extensions(&parts.extensions),
            is_from_elsewhere: parts.headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin"),
        }
    }

    /// Returns the result of a revocation that the address claims, unless a link of another site may
    /// have made it up.
    pub(crate) fn result(&self, ended: Option<usize>) -> Option<usize> {
        ended.filter(|_| !self.is_from_elsewhere)
    }

    /// Returns the frame of a page with forms.
    pub(crate) async fn frame(&self, page: Page) -> Result<Frame, Problem> {
        let token = match &self.session {
            Some(session) => session.csrf_token().await?,
            None => None,
        };
        Ok(Frame::new(self, page, token))
    }

    /// Returns the public id of the session of the member of staff.
    pub(crate) async fn own_id(&self) -> Result<Option<PublicId>, Problem> {
        match &self.session {
            Some(session) => Ok(session.public_id().await?),
            None => Ok(None),
        }
    }
}

impl Deref for Visit {
    type Target = Admin;

    fn deref(&self) -> &Admin {
        &self.admin
    }
}

impl FromRequestParts<Arc<Admin>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, admin: &Arc<Admin>) -> Result<Self, Infallible> {
        Ok(Self::new(admin, parts))
    }
}
