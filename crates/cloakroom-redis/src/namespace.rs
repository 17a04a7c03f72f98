use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use cloakroom::ConfigError;
use cloakroom::store::{Principal, Selector};

/// A prefix that separates the keys of one application from all others on the same server.
///
/// One to 64 of the characters `a-z`, `0-9`, `_`, `.` and `-`. All keys of a namespace begin with
/// it and a colon, so that `~shop:*` matches them in an access rule of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Namespace(Arc<str>);

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

impl Namespace {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of a session's record. In a cluster, the part in braces determines the slot.
    pub(crate) fn record(&self, selector: Selector) -> String {
        [&self.0, ":session:{", &hex(selector.as_bytes()), "}"].concat()
    }

    /// The key of the index of a principal's sessions.
    pub(crate) fn index(&self, principal: &Principal) -> String {
        format!("{self}:principal:{}", principal.as_str())
    }

    /// A key that nothing writes, for probes; `n` spreads such keys over slots.
    pub(crate) fn probe(&self, n: u32) -> String {
        format!("{self}:probe:{n}")
    }

    /// The selector of the session whose record is stored under `key`.
    pub(crate) fn selector_of(&self, key: &[u8]) -> Option<Selector> {
        let rest = key.strip_prefix(self.0.as_bytes())?.strip_prefix(b":session:{")?;
        unhex(rest.strip_suffix(b"}")?).map(Selector::from_bytes)
    }
}

/// Lower-case hexadecimal digits, as `redis-cli` shows them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    // Written by hand: every request to the server encodes some bytes, and `format!` takes four
    // times as long.
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// Decodes exactly `BYTES` bytes. Only lower-case digits are accepted, so that every value has one
/// spelling.
pub(crate) fn unhex<const BYTES: usize>(text: &[u8]) -> Option<[u8; BYTES]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let mut bytes = [0; BYTES];
    if pairs.len() != BYTES {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r64_names_that_could_meet_other_keys_are_refused() {
        for bad in ["", "Shop", "a b", "shop:", "{shop}", "shop*", "shöp", &"a".repeat(65)] {
            assert!(bad.parse::<Namespace>().is_err(), "{bad}");
        }
        for good in ["a", "shop", "shop-2.eu_west", &"a".repeat(64)] {
            assert_eq!(good.parse::<Namespace>().map(|name| name.to_string()).as_deref(), Ok(good));
        }
    }

    #[test]
    fn r64_a_key_names_its_session_and_no_other_key_does() -> Result<(), ConfigError> {
        let (shop, other): (Namespace, Namespace) = ("shop".parse()?, "shop2".parse()?);
        let selector = Selector::from_bytes(*b"0123456789abcdef");
        assert_eq!(shop.record(selector), "shop:session:{30313233343536373839616263646566}");
        assert_eq!(shop.selector_of(shop.record(selector).as_bytes()), Some(selector));
        assert_eq!(shop.selector_of(other.record(selector).as_bytes()), None);
        assert_eq!(shop.selector_of(b"shop:session:{3031}"), None);
        assert_eq!(shop.selector_of(b"shop:session:{303132333435363738396162636465FF}"), None);
        assert_eq!(shop.selector_of(b"shop:principal:ada"), None);
        Ok(())
    }
}
