use std::fmt;
use std::sync::Arc;

use crate::time::Timestamp;

/// The logged-in user, in the application's own terms: usually a user id.
///
/// Made from text, an integer or, with the feature `uuid`, a `Uuid`, and converted back into the
/// same type:
///
/// ```
/// use cloakroom::Principal;
///
/// let principal = Principal::from(17_u64);
/// assert_eq!(u64::try_from(&principal), Ok(17));
/// assert_eq!(principal.as_str(), "17");
/// assert!(u64::try_from(Principal::from("017")).is_err(), "another principal than 17");
/// ```
///
/// Compared byte for byte, so each user must have one spelling. Do not use personal data here that
/// your store must not hold.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(Arc<str>);

impl Principal {
    /// A principal from the application's id.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as the application gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Redacted: user ids are often e-mail addresses, and sessions get logged.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Principal(..)")
    }
}

impl From<&Principal> for Principal {
    fn from(principal: &Principal) -> Self {
        principal.clone()
    }
}

macro_rules! principal_from_text {
    ($($text:ty),+) => {$(
        impl From<$text> for Principal {
            fn from(id: $text) -> Self {
                Self(id.into())
            }
        }
    )+};
}
principal_from_text!(&str, String, Arc<str>, Box<str>);

macro_rules! principal_from_number {
    ($($number:ty),+) => {$(
        impl From<$number> for Principal {
            fn from(id: $number) -> Self {
                Self(id.to_string().into())
            }
        }
    )+};
}
principal_from_number!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

#[cfg(feature = "uuid")]
impl From<uuid::Uuid> for Principal {
    /// Uses lower case, with hyphens.
    fn from(id: uuid::Uuid) -> Self {
        Self(id.hyphenated().to_string().into())
    }
}

/// The principal is not the canonical text of the requested type.
///
/// Shows neither the principal nor its text, because user ids do not belong in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the principal is not the canonical text of a `{expected}`")]
#[non_exhaustive]
pub struct PrincipalMismatch {
    expected: &'static str,
}

macro_rules! id_from_principal {
    ($($id:ty as $name:literal),+) => {$(
        /// Accepts only the spelling that the conversion into a principal produces, so that no two
        /// principals convert to one id.
        impl TryFrom<&Principal> for $id {
            type Error = PrincipalMismatch;

            fn try_from(principal: &Principal) -> Result<Self, PrincipalMismatch> {
                let id = principal.as_str().parse::<$id>().ok();
                id.filter(|id| Principal::from(*id) == *principal).ok_or(PrincipalMismatch { expected: $name })
            }
        }

        impl TryFrom<Principal> for $id {
            type Error = PrincipalMismatch;

            fn try_from(principal: Principal) -> Result<Self, PrincipalMismatch> {
                Self::try_from(&principal)
            }
        }
    )+};
}
id_from_principal!(
    u8 as "u8", u16 as "u16", u32 as "u32", u64 as "u64", u128 as "u128", usize as "usize",
    i8 as "i8", i16 as "i16", i32 as "i32", i64 as "i64", i128 as "i128", isize as "isize"
);
#[cfg(feature = "uuid")]
id_from_principal!(uuid::Uuid as "Uuid");

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.as_str().to_owned()
    }
}

impl From<Principal> for Arc<str> {
    fn from(principal: Principal) -> Self {
        principal.0
    }
}

impl AsRef<str> for Principal {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Serializes as its text: unlike `Debug`, this shows the id.
impl serde::Serialize for Principal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Principal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// The login of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authentication {
    /// The logged-in principal.
    pub principal: Principal,
    /// The time of the login; a renewal does not change it.
    pub at: Timestamp,
    /// A label that the application shows in a list of devices, such as "Firefox on Linux".
    pub label: Option<Arc<str>>,
}

impl Authentication {
    /// An authentication of `principal` at `at`, without a label.
    #[must_use]
    pub const fn new(principal: Principal, at: Timestamp, label: Option<Arc<str>>) -> Self {
        Self { principal, at, label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_converted_back_into_what_it_was_made_from() {
        assert_eq!(u64::try_from(Principal::from(u64::MAX)), Ok(u64::MAX));
        assert_eq!(i32::try_from(&Principal::from(-7_i32)), Ok(-7));
        assert_eq!(u8::try_from(&Principal::from(200_u16)), Ok(200));
        assert_eq!(String::from(Principal::from("ada")), "ada");
        assert_eq!(Principal::from("ada").as_ref(), "ada");
        let json = serde_json::to_string(&Principal::from("ada")).expect("a principal serializes as text");
        assert_eq!((json.as_str(), serde_json::from_str(&json).ok()), ("\"ada\"", Some(Principal::from("ada"))));
    }

    #[test]
    fn two_principals_never_become_one_id() {
        for strange in ["017", "+17", " 17", "17 ", "1_7", "", "-0", "300", "ada"] {
            assert!(u8::try_from(&Principal::from(strange)).is_err(), "{strange:?}");
        }
        let error = u8::try_from(&Principal::from("ada@example.org")).expect_err("not a number");
        assert!(!format!("{error} {error:?}").contains("ada"), "{error:?}");
    }

    #[cfg(feature = "uuid")]
    #[test]
    fn a_uuid_has_one_spelling() {
        let id = uuid::Uuid::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);
        let principal = Principal::from(id);
        assert_eq!(principal.as_str(), "67e55044-10b1-426f-9247-bb680e5fe0c8");
        assert_eq!(uuid::Uuid::try_from(&principal), Ok(id));
        for other in ["67E55044-10B1-426F-9247-BB680E5FE0C8", "67e5504410b1426f9247bb680e5fe0c8"] {
            assert!(uuid::Uuid::try_from(Principal::from(other)).is_err(), "{other}");
        }
    }
}
