use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::config_error::ConfigError;

/// A name that separates the sessions of one application from those of others in the same store.
///
/// One to 64 of the characters `a-z`, `0-9`, `_`, `.` and `-`, so that no store has to escape it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The error names the setting `namespace`.
impl FromStr for Namespace {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
        if text.is_empty() || text.len() > 64 || !text.bytes().all(allowed) {
            let shown: String = text.chars().take(80).collect();
            let problem =
                format!("is {shown:?}; use 1 to 64 of a-z, 0-9, `_`, `.` and `-`, for example the application's name");
            return Err(ConfigError::new("namespace", problem));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r64_names_that_could_be_read_as_something_else_are_refused() {
        let hostile = [
            "",
            "Shop",
            "a b",
            "shop:",
            "{shop}",
            "shop*",
            "../shop",
            "shop/",
            "shop'; --",
            "shöp",
            "shop\0",
            &"a".repeat(65),
        ];
        for bad in hostile {
            assert!(bad.parse::<Namespace>().is_err(), "{bad}");
        }
        for good in ["a", "shop", "shop-2.eu_west", &"a".repeat(64)] {
            assert_eq!(good.parse::<Namespace>().map(|name| name.to_string()).as_deref(), Ok(good));
        }
    }
}
