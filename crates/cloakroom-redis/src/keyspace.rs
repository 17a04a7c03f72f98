use std::fmt;

use cloakroom::store::{Namespace, Principal, Selector};
use redis::{RedisWrite, ToRedisArgs};

/// The keys of a namespace on the server.
///
/// All begin with the namespace and a colon, so that `~shop:*` matches them in an access rule of the
/// server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keyspace(Namespace);

impl Keyspace {
    pub(crate) const fn new(namespace: Namespace) -> Self {
        Self(namespace)
    }

    pub(crate) fn namespace(&self) -> &str {
        self.0.as_str()
    }

    /// The key of a session's record. In a cluster, the part in braces determines the slot.
    pub(crate) fn record(&self, selector: Selector) -> String {
        [self.namespace(), ":session:{", hex(selector.as_bytes()).as_str(), "}"].concat()
    }

    /// A pattern that matches the keys of all records.
    pub(crate) fn all_records(&self) -> String {
        format!("{}:session:{{*}}", self.0)
    }

    /// The key of the index of a principal's sessions.
    pub(crate) fn index(&self, principal: &Principal) -> String {
        format!("{}:principal:{}", self.0, principal.as_str())
    }

    /// A pattern that matches the keys of all indexes.
    pub(crate) fn all_indexes(&self) -> String {
        format!("{}:principal:*", self.0)
    }

    /// The principal whose index is stored under `key`.
    pub(crate) fn principal_of(&self, key: &[u8]) -> Option<Principal> {
        let name = key.strip_prefix(self.namespace().as_bytes())?.strip_prefix(b":principal:")?;
        std::str::from_utf8(name).ok().map(Principal::from)
    }

    /// A key that nothing writes, for probes; `n` spreads such keys over slots.
    pub(crate) fn probe(&self, n: u32) -> String {
        format!("{}:probe:{n}", self.0)
    }

    /// The selector of the session whose record is stored under `key`.
    pub(crate) fn selector_of(&self, key: &[u8]) -> Option<Selector> {
        let rest = key.strip_prefix(self.namespace().as_bytes())?.strip_prefix(b":session:{")?;
        unhex(rest.strip_suffix(b"}")?).map(Selector::from_bytes)
    }
}

/// Lower-case hexadecimal digits, as `redis-cli` shows them.
#[derive(Clone, Copy)]
pub(crate) struct Hex<const BYTES: usize>([[u8; 2]; BYTES]);

/// Returns the digits of some bytes.
pub(crate) fn hex<const BYTES: usize>(bytes: &[u8; BYTES]) -> Hex<BYTES> {
    // Written by hand: every request to the server encodes some bytes, and `format!` takes four
    // times as long and allocates.
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    Hex(bytes.map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]))
}

impl<const BYTES: usize> Hex<BYTES> {
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        self.0.as_flattened()
    }

    pub(crate) fn as_str(&self) -> &str {
        // Digits are always text.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl<const BYTES: usize> fmt::Display for Hex<BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const BYTES: usize> ToRedisArgs for Hex<BYTES> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        out.write_arg(self.as_bytes());
    }
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
    use cloakroom::ConfigError;

    use super::*;

    #[test]
    fn r64_a_key_names_its_session_and_no_other_key_does() -> Result<(), ConfigError> {
        let (shop, other) = (Keyspace::new("shop".parse()?), Keyspace::new("shop2".parse()?));
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
