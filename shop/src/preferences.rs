//! Theme and language: a cached value for users, state for guests.

use std::sync::Arc;

use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

use crate::accounts::UserId;
use crate::error::{Problem, ShopError};
use crate::language::Language;
use crate::pages::{Frame, Notice, Page, Texts, render};
use crate::request_context::{Accept, RequestContext};
use crate::shop::Sources;

/// Light, dark, or the setting of the visitor's system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.code() == code)
    }
}

/// A visitor's choices; `None` if the visitor has not chosen.
///
/// A user's preferences are stored in the database, so the session may drop its copy at any time.
/// If the database is down, a copy that is up to an hour old is better than an error page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SessionValue)]
#[session(ttl = "5m", jitter = 10, stale_if_error = "1h")]
pub(crate) struct Preferences {
    pub(crate) theme: Option<Theme>,
    pub(crate) language: Option<Language>,
}

/// A guest's preferences, which exist only in the session.
#[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
#[session(key = "guest-preferences")]
pub(crate) struct GuestPreferences(Preferences);

impl RequestContext {
    pub(crate) async fn preferences(&self) -> Result<Arc<Preferences>, ShopError> {
        let Some(user) = self.user().await? else {
            return self.state(Preferences::KEY, |guest: &GuestPreferences| guest.0).await;
        };
        self.cached(1, move |sources: Sources| async move {
            let row = sources.db.preferences(user.0).await?;
            Ok(row.map_or_else(Preferences::default, |(theme, language)| Preferences {
                theme: Theme::from_code(&theme),
                language: Language::from_code(&language),
            }))
        })
        .await
    }

    pub(crate) async fn theme(&self) -> Result<Theme, ShopError> {
        Ok(self.preferences().await?.theme.unwrap_or_default())
    }
}

#[derive(Template)]
#[template(path = "preferences.html")]
struct PreferencesPage {
    frame: Frame,
    themes: [Theme; 3],
    languages: [(Language, &'static str); 2],
    is_user: bool,
}

#[derive(Deserialize)]
pub(crate) struct ShowQuery {
    saved: Option<String>,
}

/// `GET /preferences`
pub(crate) async fn show(ctx: RequestContext, Query(query): Query<ShowQuery>) -> Result<Response, ShopError> {
    let (theme, language) = (ctx.theme().await?, ctx.language().await?);
    Ok(match ctx.accept {
        Accept::Html => {
            let languages = Language::ALL.map(|language| (language, Texts::of(language).own_name));
            let is_user = ctx.user().await?.is_some();
            let frame = Frame::new(&ctx, Page::Preferences, query.saved.map(|_| Notice::Saved)).await?;
            render(&PreferencesPage { frame, themes: Theme::ALL, languages, is_user })?
        }
        Accept::Json => Json(serde_json::json!({ "theme": theme, "language": language })).into_response(),
        Accept::Text => format!("Theme: {}, language: {}", theme.code(), language.code()).into_response(),
    })
}

#[derive(Deserialize)]
pub(crate) struct SaveForm {
    theme: String,
    language: String,
}

/// `POST /preferences` with the fields `theme` and `language`
pub(crate) async fn save(ctx: RequestContext, Form(form): Form<SaveForm>) -> Result<Response, ShopError> {
    let theme = Theme::from_code(&form.theme).ok_or(Problem::BadInput("theme must be system, light or dark"))?;
    let language = Language::from_code(&form.language).ok_or(Problem::BadInput("language must be en or de"))?;
    if let Some(user) = ctx.user().await? {
        save_for_user(&ctx, user, theme, language).await?;
    } else {
        let preferences = GuestPreferences(Preferences { theme: Some(theme), language: Some(language) });
        ctx.change("preferences (write)", ctx.session.set(preferences)).await?;
        ctx.save_state::<GuestPreferences>().await?;
    }
    let json = serde_json::json!({ "theme": theme, "language": language });
    Ok(ctx.done("/preferences?saved", json, "Preferences saved".to_owned()))
}

async fn save_for_user(ctx: &RequestContext, user: UserId, theme: Theme, language: Language) -> Result<(), ShopError> {
    let save = |db: crate::db::Db| async move { db.save_preferences(user.0, theme.code(), language.code()).await };
    ctx.database("preferences (write)", save).await?;
    // In all sessions of the user: the next page on each device shows the new choice.
    ctx.shop.sessions().of(user).invalidate::<Preferences>().await?;
    Ok(())
}
