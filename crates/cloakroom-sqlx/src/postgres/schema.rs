use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use cloakroom::ConfigError;

/// The schema of the tables: a name that needs no quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schema(Arc<str>);

impl FromStr for Schema {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        let begins_well = text.bytes().next().is_some_and(is_letter);
        if !begins_well || text.len() > 63 || !text.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit()) {
            let shown: String = text.chars().take(80).collect();
            let problem = format!("is {shown:?}; use 1 to 63 of a-z, 0-9 and `_`, of which the first is no digit");
            return Err(ConfigError::new("schema", problem));
        }
        Ok(Self(text.into()))
    }
}

/// In quotes, because a name may be a keyword of SQL.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

impl Schema {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_that_could_be_read_as_sql_is_refused() {
        let hostile =
            ["", "a b", "1a", "public.x", "a\"; DROP TABLE x; --", "Public", "schéma", "a\0", &"a".repeat(64)];
        for bad in hostile {
            assert!(bad.parse::<Schema>().is_err(), "{bad}");
        }
        for good in ["public", "_x1", "select", &"a".repeat(63)] {
            assert!(good.parse::<Schema>().is_ok(), "{good}");
        }
    }
}
