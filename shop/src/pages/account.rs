//! The pages around the account: sign-in, password, devices.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::frame::{Frame, Here};
use super::texts::Texts;
use super::{Notice, page};
use crate::devices::Device;
use crate::error::ShopError;
use crate::request_context::RequestContext;

/// Where to go after the sign-in: one of our own pages, and never an address from the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Next {
    #[default]
    Shop,
    Cart,
    Devices,
    Password,
    Preferences,
    Staff,
}

impl Next {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Shop => "/",
            Self::Cart => "/cart",
            Self::Devices => "/devices",
            Self::Password => "/password",
            Self::Preferences => "/preferences",
            Self::Staff => "/staff",
        }
    }

    pub(super) fn leading_to(path: &str) -> Option<Self> {
        [Self::Devices, Self::Password, Self::Staff].into_iter().find(|next| path.starts_with(next.path()))
    }

    pub(super) fn via_login(self) -> String {
        format!("/login?next={}", self.word())
    }

    /// As in the form and the query.
    fn word(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            other => other.path().trim_start_matches('/'),
        }
    }
}

#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage {
    frame: Frame,
    next: &'static str,
    name: String,
}

impl LoginPage {
    pub(crate) async fn respond(
        visit: &RequestContext,
        next: Option<Next>,
        name: String,
        notice: Option<Notice>,
    ) -> Result<Response, ShopError> {
        let t = Texts::of(visit.language().await?);
        let next = next.unwrap_or_default().word();
        page(&Self { frame: Frame::of(visit, Here::Login, t.sign_in, notice).await?, next, name })
    }
}

#[derive(Template)]
#[template(path = "password.html")]
pub(crate) struct PasswordPage {
    frame: Frame,
}

impl PasswordPage {
    pub(crate) async fn respond(visit: &RequestContext, notice: Option<Notice>) -> Result<Response, ShopError> {
        let t = Texts::of(visit.language().await?);
        page(&Self { frame: Frame::of(visit, Here::Elsewhere, t.change_password, notice).await? })
    }
}

#[derive(Template)]
#[template(path = "devices.html")]
pub(crate) struct DevicesPage {
    frame: Frame,
    devices: Vec<Device>,
}

impl DevicesPage {
    pub(crate) async fn respond(
        visit: &RequestContext,
        devices: Vec<Device>,
        notice: Option<Notice>,
    ) -> Result<Response, ShopError> {
        let t = Texts::of(visit.language().await?);
        page(&Self { frame: Frame::of(visit, Here::Devices, t.my_devices, notice).await?, devices })
    }
}
