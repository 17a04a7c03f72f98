//! The staff's page.

use askama::Template;
use axum::response::Response;

use super::frame::{Frame, Here};
use super::page;
use super::texts::Texts;
use crate::db::PersonWithRoles;
use crate::error::ShopError;
use crate::request_context::RequestContext;
use crate::roles::STAFF;

#[derive(Template)]
#[template(path = "staff.html")]
pub(crate) struct StaffPage {
    frame: Frame,
    stats: Vec<(&'static str, u64)>,
    people: Vec<PersonWithRoles>,
    admin: bool,
    queries: u64,
    saved: u64,
}

impl StaffPage {
    pub(crate) async fn respond(
        visit: &RequestContext,
        stats: Vec<(&'static str, u64)>,
        people: Vec<PersonWithRoles>,
    ) -> Result<Response, ShopError> {
        let t = Texts::of(visit.language().await?);
        page(&Self {
            admin: visit.roles().await?.is_admin(),
            frame: Frame::of(visit, Here::Staff, t.staff, None).await?,
            stats,
            people,
            queries: visit.shop().db().queries(),
            saved: visit.shop().saved(),
        })
    }
}

impl PersonWithRoles {
    fn is_staff(&self) -> bool {
        self.roles.split(", ").any(|role| role == STAFF)
    }
}
