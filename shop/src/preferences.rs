//! Theme and language: a cached value for users, state for guests.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use cloakroom::{CachePolicy, SessionValue};
use serde::{Deserialize, Serialize};

use crate::accept::Accept;
use crate::accounts::UserId;
use crate::error::{Problem, ShopError};
use crate::language::Language;
use crate::pages::{Notice, PreferencesPage};
use crate::request_context::{Loaded, RequestContext};
use crate::shop::Sources;

/// Light, dark, or as the visitor's system is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

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

/// How a visitor likes the pages; what is `None` was never chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preferences {
    theme: Option<Theme>,
    language: Option<Language>,
}

/// A user's preferences have their home in the database, so they may be forgotten at any moment.
/// An hour-old theme is better than an error page when the database is away.
impl SessionValue for Preferences {
    const KEY: &'static str = "preferences";
    const CACHE: CachePolicy =
        CachePolicy::ttl(Duration::from_secs(300)).jitter(10).stale_if_error(Duration::from_secs(3600));
}

impl Loaded for Preferences {
    const QUERIES: u32 = 1;
}

/// A guest's preferences have no other home than the session.
#[derive(Clone, Default, Serialize, Deserialize)]
struct GuestPreferences(Preferences);

impl SessionValue for GuestPreferences {
    const KEY: &'static str = "guest-preferences";
}

impl RequestContext {
    async fn preferences(&self) -> Result<Arc<Preferences>, ShopError> {
        let slot = &self.slots().preferences;
        let Some(user) = self.user().await? else {
            return self.state(Preferences::KEY, slot, |guest: &GuestPreferences| guest.0).await;
        };
        self.cached(slot, move |from: Sources| async move {
            let chosen = from.db.preferences(user.0).await?;
            Ok(chosen.map_or_else(Preferences::default, |(theme, language)| Preferences {
                theme: Theme::from_code(&theme),
                language: Language::from_code(&language),
            }))
        })
        .await
    }

    pub(crate) async fn theme(&self) -> Result<Theme, ShopError> {
        Ok(self.preferences().await?.theme.unwrap_or_default())
    }

    /// The chosen language, else the browser's, else English.
    pub(crate) async fn language(&self) -> Result<Language, ShopError> {
        let ask = async || Ok(self.preferences().await?.language.or(self.accepted()).unwrap_or_default());
        self.slots().language.get_or_try_init(ask).await.copied()
    }
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    theme: String,
    language: String,
}

#[derive(Deserialize)]
pub(crate) struct Saved {
    saved: Option<String>,
}

/// `GET /preferences`
pub(crate) async fn show(
    visit: RequestContext,
    axum::extract::Query(query): axum::extract::Query<Saved>,
) -> Result<Response, ShopError> {
    let (theme, language) = (visit.theme().await?, visit.language().await?);
    Ok(match visit.wants() {
        Accept::Html => PreferencesPage::respond(&visit, query.saved.map(|_| Notice::Saved)).await?,
        Accept::Json => Json(serde_json::json!({ "theme": theme, "language": language })).into_response(),
        Accept::Text => format!("Theme: {}, language: {}", theme.code(), language.code()).into_response(),
    })
}

/// `POST /preferences` with the fields `theme` and `language`
pub(crate) async fn save(visit: RequestContext, Form(choice): Form<Choice>) -> Result<Response, ShopError> {
    let theme = Theme::from_code(&choice.theme).ok_or(Problem::BadInput("theme must be system, light or dark"))?;
    let language = Language::from_code(&choice.language).ok_or(Problem::BadInput("language must be en or de"))?;
    match visit.user().await? {
        Some(user) => save_for(&visit, user, theme, language).await?,
        None => {
            let chosen = GuestPreferences(Preferences { theme: Some(theme), language: Some(language) });
            visit.change("preferences (write)", visit.session().set(chosen)).await?;
        }
    }
    Ok(match visit.wants() {
        Accept::Html => Redirect::to("/preferences?saved").into_response(),
        Accept::Json => Json(serde_json::json!({ "theme": theme, "language": language })).into_response(),
        Accept::Text => "Preferences saved".into_response(),
    })
}

async fn save_for(visit: &RequestContext, user: UserId, theme: Theme, language: Language) -> Result<(), ShopError> {
    let save = |db: crate::db::Db| async move { db.save_preferences(user.0, theme.code(), language.code()).await };
    visit.database("preferences (write)", save).await?;
    // On all of the user's devices: the next page of each shows the new choice.
    visit.shop().sessions().of(user).invalidate::<Preferences>().await?;
    Ok(())
}
