//! The parts that all pages have in common. The templates are in `shop/templates`.

mod assets;
mod back;
mod errors;
mod panel;
mod strip;
mod texts;
mod value_names;

use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

pub(crate) use self::assets::asset;
pub(crate) use self::back::{Back, added_at};
pub(crate) use self::errors::render_error;
use self::panel::Panel;
use self::strip::Strip;
pub(crate) use self::texts::Texts;
use self::texts::fill;
use crate::db::Product;
use crate::error::{Problem, ShopError};
use crate::language::Language;
use crate::preferences::Theme;
use crate::request_context::{Accept, RequestContext};

/// Renders a page. No cache may store it: "back" after a sign-out must not show a user's page.
pub(crate) fn render(template: &impl Template) -> Result<Response, ShopError> {
    let mut response = Html(template.render()?).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(Rendered);
    Ok(response)
}

/// Marks a response that is a page, so that an error status does not replace it with an error page.
#[derive(Clone, Copy)]
pub(crate) struct Rendered;

impl RequestContext {
    /// Responds to a form: with a redirect to `path` for browsers, with JSON or text for programs.
    pub(crate) fn done(&self, path: &str, json: serde_json::Value, text: String) -> Response {
        match self.accept {
            Accept::Html => Redirect::to(path).into_response(),
            Accept::Json => Json(json).into_response(),
            Accept::Text => text.into_response(),
        }
    }
}

/// A page of the navigation, which the field `next` of the sign-in form also names.
///
/// A sign-in redirects to one of these, never to an address in the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Page {
    #[default]
    Shop,
    Cart,
    Devices,
    Password,
    Preferences,
    Staff,
    #[serde(skip)]
    Login,
    #[serde(skip)]
    Other,
}

impl Page {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Shop | Self::Other => "/",
            Self::Cart => "/cart",
            Self::Devices => "/devices",
            Self::Password => "/password",
            Self::Preferences => "/preferences",
            Self::Staff => "/staff",
            Self::Login => "/login",
        }
    }

    /// Returns the value of the field `next`.
    pub(crate) fn name(self) -> &'static str {
        match self.path() {
            "/" => "shop",
            path => path.trim_start_matches('/'),
        }
    }

    fn title(self, t: &Texts) -> &'static str {
        match self {
            Self::Shop => t.shop,
            Self::Cart => t.cart,
            Self::Devices => t.my_devices,
            Self::Password => t.change_password,
            Self::Preferences => t.preferences,
            Self::Staff => t.staff,
            Self::Login => t.sign_in,
            Self::Other => "",
        }
    }
}

/// The frame of a page: head, navigation, notice and panel.
pub(crate) struct Frame {
    pub(crate) t: &'static Texts,
    pub(crate) language: Language,
    pub(crate) title: String,
    pub(crate) theme: Theme,
    pub(crate) page: Page,
    pub(crate) full_name: Option<String>,
    pub(crate) is_staff: bool,
    pub(crate) cart_count: u64,
    /// CSS class and text.
    pub(crate) notice: Option<(&'static str, String)>,
    /// The field that has to be corrected, and why.
    pub(crate) wrong: Option<(String, String)>,
    /// The path of this page, for forms that return to it.
    pub(crate) path: String,
    /// The anchor of the button with which something was added to the cart.
    pub(crate) added_at: Option<String>,
    pub(crate) has_session: bool,
    pub(crate) strip: Option<Strip>,
    pub(crate) panel: Option<Panel>,
}

impl Frame {
    /// Creates the frame. Call it last: the panel shows the lookups made so far.
    pub(crate) async fn new(ctx: &RequestContext, page: Page, notice: Option<Notice>) -> Result<Self, ShopError> {
        let (theme, language) = (ctx.theme().await?, ctx.language().await?);
        let (t, trace) = (Texts::of(language), ctx.session_trace().await?);
        Ok(Self {
            t,
            theme,
            page,
            full_name: ctx.account().await?.map(|account| account.full_name.clone()),
            // Only a link depends on it, so an error hides the link and does not fail the page.
            is_staff: ctx.roles().await.is_ok_and(|roles| roles.is_staff()),
            cart_count: ctx.cart().await?.count(),
            notice: notice_or_end(ctx, notice).await?.map(|notice| (notice.class(), notice.text(t))),
            path: Back::to(ctx.path()).path().to_owned(),
            added_at: ctx.added_at.clone(),
            has_session: ctx.has_session().await?,
            strip: Some(Strip::new(ctx, t, &trace).await?),
            panel: Some(Panel::new(ctx, t, trace)),
            ..Self::without_session(language, page.title(t))
        })
    }

    /// A frame that reads nothing, for pages about a failed read.
    fn without_session(language: Language, title: &str) -> Self {
        Self {
            t: Texts::of(language),
            language,
            title: title.to_owned(),
            theme: Theme::default(),
            page: Page::Other,
            full_name: None,
            is_staff: false,
            cart_count: 0,
            notice: None,
            wrong: None,
            path: "/".to_owned(),
            added_at: None,
            has_session: false,
            strip: None,
            panel: None,
        }
    }

    /// Returns the value of `aria-current` for a link of the navigation.
    pub(crate) fn current(&self, page: Page) -> &'static str {
        if self.page == page { "page" } else { "false" }
    }

    pub(crate) fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    pub(crate) fn price(&self, product: &Product) -> String {
        self.language.price(product.cents.into())
    }

    /// Returns why a field has to be corrected, if it has to.
    pub(crate) fn wrong(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(wrong, _)| wrong == field).map(|(_, text)| &**text)
    }

    /// Returns a copy that asks for a correction of `field`.
    pub(crate) fn with_wrong(self, field: impl Into<String>, text: &str) -> Self {
        Self { wrong: Some((field.into(), text.to_owned())), ..self }
    }

    /// Returns the anchor of a product on a shelf.
    pub(crate) fn anchor(&self, shelf: &str, product: &Product) -> String {
        format!("{shelf}-{}", product.id)
    }

    /// Returns `true` if the visitor comes back from adding something at this anchor.
    pub(crate) fn is_added(&self, anchor: &str) -> bool {
        self.added_at.as_deref() == Some(anchor)
    }

    pub(crate) fn added(&self, product: &Product) -> String {
        fill(self.t.added, &product.name)
    }

    /// Returns a number of queries in words.
    pub(crate) fn counted(&self, queries: &u64) -> String {
        format!("{queries}\u{a0}{}", if *queries == 1 { self.t.query } else { self.t.queries })
    }

    pub(crate) fn value_name(&self, name: &&'static str) -> &'static str {
        value_names::value_name(name, self.language)
    }

    pub(crate) fn cart_label(&self) -> String {
        fill(self.t.things_in_cart, self.cart_count)
    }

    pub(crate) fn time(&self, duration: &Duration) -> String {
        panel::time(*duration)
    }
}

/// Returns the notice of the page, or the one that the visitor's session has ended.
async fn notice_or_end(ctx: &RequestContext, notice: Option<Notice>) -> Result<Option<Notice>, ShopError> {
    Ok(match notice {
        Some(notice) => Some(notice),
        None => ctx.session_has_ended().await?.then_some(Notice::SessionOver),
    })
}

/// The message at the top of a page.
pub(crate) enum Notice {
    Added { name: String },
    Saved,
    SignedOut,
    SessionOver,
    SignInAgain,
    DevicesEnded { count: usize },
    PasswordChanged { ended: usize },
    Problem(Problem),
}

impl Notice {
    const fn class(&self) -> &'static str {
        match self {
            Self::Problem(_) => "bad",
            Self::SessionOver | Self::SignInAgain => "hint",
            _ => "good",
        }
    }

    fn text(&self, t: &Texts) -> String {
        match self {
            Self::Added { name } => fill(t.added, name),
            Self::Saved => t.saved.to_owned(),
            Self::SignedOut => t.signed_out.to_owned(),
            Self::SessionOver => t.session_over.to_owned(),
            Self::SignInAgain => t.sign_in_again.to_owned(),
            Self::DevicesEnded { count } => fill(t.devices_ended, count),
            Self::PasswordChanged { ended } => fill(t.password_changed, ended),
            Self::Problem(problem) => (t.problem)(*problem).1.to_owned(),
        }
    }
}
