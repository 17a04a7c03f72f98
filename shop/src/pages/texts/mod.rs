//! What the pages say, in each language.

mod de;
mod en;

use std::fmt::Display;
use std::time::Duration;

use crate::error::Problem;
use crate::language::Language;

/// All words of the pages. `{}` is where a number or a name goes, see [`fill`].
pub(super) struct Texts {
    pub(super) add: &'static str,
    pub(super) added: &'static str,
    pub(super) admin: &'static str,
    pub(super) ago_days: &'static str,
    pub(super) ago_hours: &'static str,
    pub(super) ago_minutes: &'static str,
    pub(super) ago_now: &'static str,
    pub(super) appoint: &'static str,
    pub(super) cart: &'static str,
    pub(super) cart_empty: &'static str,
    pub(super) cart_empty_hint: &'static str,
    pub(super) change_password: &'static str,
    pub(super) change_password_hint: &'static str,
    pub(super) counts: &'static str,
    pub(super) customer: &'static str,
    pub(super) demo_accounts: &'static str,
    pub(super) demo_note: &'static str,
    pub(super) devices_ended: &'static str,
    pub(super) devices_hint: &'static str,
    pub(super) dismiss: &'static str,
    pub(super) earlier: &'static str,
    pub(super) everything: &'static str,
    pub(super) from_application: &'static str,
    pub(super) from_database: &'static str,
    pub(super) from_nobody: &'static str,
    pub(super) from_request: &'static str,
    pub(super) from_session: &'static str,
    pub(super) goes_with: &'static str,
    pub(super) kept_in_account: &'static str,
    pub(super) kept_in_session: &'static str,
    pub(super) language: &'static str,
    pub(super) my_devices: &'static str,
    pub(super) name: &'static str,
    pub(super) navigation: &'static str,
    pub(super) panel: &'static str,
    pub(super) panel_asked: &'static str,
    pub(super) panel_off: &'static str,
    pub(super) panel_saved: &'static str,
    pub(super) panel_took: &'static str,
    pub(super) password: &'static str,
    pub(super) password_changed: &'static str,
    pub(super) password_new: &'static str,
    pub(super) password_now: &'static str,
    pub(super) password_rule: &'static str,
    pub(super) people: &'static str,
    pub(super) preferences: &'static str,
    /// Title and explanation.
    pub(super) problem: fn(Problem) -> (&'static str, &'static str),
    pub(super) quantity: &'static str,
    pub(super) queries: &'static str,
    pub(super) recent: &'static str,
    pub(super) recommended: &'static str,
    pub(super) remember: &'static str,
    pub(super) remove: &'static str,
    pub(super) save: &'static str,
    pub(super) saved: &'static str,
    pub(super) saved_queries: &'static str,
    pub(super) seen: &'static str,
    pub(super) session_over: &'static str,
    pub(super) shop: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) sign_in_again: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) sign_out_everywhere: &'static str,
    pub(super) sign_out_others: &'static str,
    pub(super) signed_in: &'static str,
    pub(super) signed_out: &'static str,
    pub(super) skip: &'static str,
    pub(super) sold_out: &'static str,
    pub(super) source: &'static str,
    pub(super) staff: &'static str,
    pub(super) tagline: &'static str,
    pub(super) theme: &'static str,
    pub(super) theme_dark: &'static str,
    pub(super) theme_light: &'static str,
    pub(super) theme_system: &'static str,
    pub(super) things_in_cart: &'static str,
    pub(super) this_device: &'static str,
    pub(super) this_session: &'static str,
    pub(super) time: &'static str,
    pub(super) to_shop: &'static str,
    pub(super) total: &'static str,
    pub(super) update: &'static str,
    pub(super) value: &'static str,
    pub(super) whole_shop: &'static str,
    /// The name of the process goes into it.
    pub(super) served_by: &'static str,
    pub(super) from_own_memory: &'static str,
    pub(super) from_shared_store: &'static str,
}

impl Texts {
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &en::TEXTS,
            Language::De => &de::TEXTS,
        }
    }

    /// "5 minutes ago", as coarse as it may be.
    pub(super) fn ago(&self, duration: &Duration) -> String {
        match duration.as_secs() / 60 {
            0 => self.ago_now.to_owned(),
            minutes @ 1..60 => fill(self.ago_minutes, minutes),
            minutes @ 60..1440 => fill(self.ago_hours, minutes / 60),
            minutes => fill(self.ago_days, minutes / 1440),
        }
    }
}

/// `text` with `what` where its `{}` is.
pub(super) fn fill(text: &str, what: impl Display) -> String {
    text.replacen("{}", &what.to_string(), 1)
}
