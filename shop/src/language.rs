//! The languages that the shop speaks.

use serde::{Deserialize, Serialize};

/// A language of the shop. English where nothing else was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    #[default]
    En,
    De,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::En, Self::De];

    /// The BCP 47 tag, for `lang` and the database.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// What its speakers call it; a list of languages has to be readable to them.
    pub(crate) const fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The first language of an `Accept-Language` header that the shop speaks.
    ///
    /// Quality values are not weighed: browsers list the languages in the order of preference.
    pub(crate) fn accepted(header: &str) -> Option<Self> {
        header.split(',').take(16).find_map(|part| Self::from_code(part.trim().get(..2)?))
    }

    /// An amount of euro cents as its speakers write it.
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
    fn the_first_language_we_speak_wins() {
        assert_eq!(Language::accepted("nl-NL,de-AT;q=0.8,en;q=0.5"), Some(Language::De));
        assert_eq!(Language::accepted("x,é,*"), None);
    }

    #[test]
    fn prices_follow_the_language() {
        assert_eq!(Language::En.price(1205), "€12.05");
        assert_eq!(Language::De.price(490), "4,90\u{a0}€");
    }
}
