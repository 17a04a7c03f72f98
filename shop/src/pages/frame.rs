//! What all pages have around them.

use super::assets;
use super::notice::Notice;
use super::panel::Panel;
use super::texts::{Texts, fill};
use crate::error::ShopError;
use crate::language::Language;
use crate::preferences::Theme;
use crate::product::Product;
use crate::request_context::RequestContext;

/// The place in the navigation that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Here {
    Shop,
    Cart,
    Preferences,
    Devices,
    Staff,
    Login,
    Elsewhere,
}

/// The frame of a page: head, navigation, notice and panel.
pub(super) struct Frame {
    pub(super) t: &'static Texts,
    pub(super) language: Language,
    pub(super) title: String,
    pub(super) theme: Theme,
    pub(super) here: Here,
    pub(super) full_name: Option<String>,
    pub(super) staff: bool,
    pub(super) cart_count: u64,
    pub(super) watch: bool,
    pub(super) notice: Option<(&'static str, String)>,
    pub(super) panel: Option<Panel>,
}

impl Frame {
    /// To be made last: the panel shows what was asked until here.
    pub(super) async fn of(
        visit: &RequestContext,
        here: Here,
        title: &str,
        notice: Option<Notice>,
    ) -> Result<Self, ShopError> {
        let (theme, language) = (visit.theme().await?, visit.language().await?);
        let t = Texts::of(language);
        let account = visit.account().await?;
        Ok(Self {
            t,
            language,
            title: title.to_owned(),
            theme,
            here,
            // Only a link: a page is not refused because nobody can say whether to show it.
            staff: visit.roles().await.is_ok_and(|roles| roles.is_staff()),
            cart_count: visit.cart().await?.count(),
            watch: account.is_some(),
            full_name: account.map(|account| account.full_name.clone()),
            notice: notice.map(|notice| (notice.tone(), notice.text(t))),
            panel: Some(Panel::of(visit, t).await?),
        })
    }

    /// A frame that asks nobody, for when asking is what failed.
    pub(super) fn bare(language: Language, title: &str) -> Self {
        Self {
            t: Texts::of(language),
            language,
            title: title.to_owned(),
            theme: Theme::default(),
            here: Here::Elsewhere,
            staff: false,
            cart_count: 0,
            watch: false,
            full_name: None,
            notice: None,
            panel: None,
        }
    }

    /// `aria-current` for the navigation.
    pub(super) fn at(&self, here: Here) -> &'static str {
        if self.here == here { "page" } else { "false" }
    }

    pub(super) fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    pub(super) fn price(&self, product: &Product) -> String {
        self.language.price(product.cents.into())
    }

    pub(super) fn cart_label(&self) -> String {
        fill(self.t.things_in_cart, self.cart_count)
    }
}
