use std::fmt;

use super::{Selector, labelled_digest};

/// Identifies a session to its owner, for example in a list of devices.
///
/// A one-way function of the selector: it is neither a token nor a store key, so it may be shown in
/// a page or a URL (OWASP ASVS 7.5.2). It does not give access to the session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicId([u8; 16]);

impl PublicId {
    /// The public id of the session with this selector, for tools that read a store.
    #[must_use]
    pub fn of(selector: &Selector) -> Self {
        Self(labelled_digest(b"cloakroom/v1/handle", selector.as_bytes()))
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicId({self})")
    }
}

/// Serializes as its text.
impl serde::Serialize for PublicId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PublicId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is not 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public session id is 32 lower-case hexadecimal digits")]
#[non_exhaustive]
pub struct InvalidPublicId;

plain_debug!(InvalidPublicId);

impl std::str::FromStr for PublicId {
    type Err = InvalidPublicId;

    fn from_str(text: &str) -> Result<Self, InvalidPublicId> {
        let canonical = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 32 || !text.bytes().all(canonical) {
            return Err(InvalidPublicId);
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| InvalidPublicId)
    }
}
