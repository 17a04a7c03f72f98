//! The languages of the shop.

use serde::{Deserialize, Serialize};

/// A language of the shop. The default is English.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    #[default]
    En,
    De,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::En, Self::De];

    /// Returns the BCP 47 tag, for the attribute `lang` and the database.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// Returns the first language of an `Accept-Language` header that the shop has.
    ///
    /// Quality values are ignored: browsers list the languages in order of preference.
    pub(crate) fn accepted(header: &str) -> Option<Self> {
        header.split(',').take(16).find_map(|part| Self::from_code(part.trim().get(..2)?))
    }

    /// Formats an amount of euro cents.
    pub(crate) fn price(self, cents: u64) -> String {
        let (euros, cents) = (cents / 100, cents % 100);
        match self {
            Self::En => format!("€{euros}.{cents:02}"),
            Self::De => format!("{euros},{cents:02}\u{a0}€"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn the_first_language_that_the_shop_has_is_used() {
        assert_eq!(Language::accepted("nl-NL,de-AT;q=0.8,en;q=0.5"), Some(Language::De));
        assert_eq!(Language::accepted("x,é,*"), None);
    }

    #[test]
    fn prices_follow_the_language() {
        assert_eq!(Language::En.price(1205), "€12.05");
        assert_eq!(Language::De.price(490), "4,90\u{a0}€");
    }
}
