//! The page of theme and language.

use askama::Template;
use axum::response::Response;

use super::frame::{Frame, Here};
use super::texts::Texts;
use super::{Notice, page};
use crate::error::ShopError;
use crate::language::Language;
use crate::preferences::Theme;
use crate::request_context::RequestContext;

#[derive(Template)]
#[template(path = "preferences.html")]
pub(crate) struct PreferencesPage {
    frame: Frame,
    themes: [(Theme, &'static str); 3],
    languages: [Language; 2],
    theme: Theme,
    kept: &'static str,
}

impl PreferencesPage {
    pub(crate) async fn respond(visit: &RequestContext, notice: Option<Notice>) -> Result<Response, ShopError> {
        let t = Texts::of(visit.language().await?);
        let kept = if visit.user().await?.is_some() { t.kept_in_account } else { t.kept_in_session };
        let name = |theme| match theme {
            Theme::System => t.theme_system,
            Theme::Light => t.theme_light,
            Theme::Dark => t.theme_dark,
        };
        page(&Self {
            frame: Frame::of(visit, Here::Preferences, t.preferences, notice).await?,
            themes: Theme::ALL.map(|theme| (theme, name(theme))),
            languages: Language::ALL,
            theme: visit.theme().await?,
            kept,
        })
    }
}
