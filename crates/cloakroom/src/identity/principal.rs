use std::fmt;
use std::sync::Arc;

use crate::time::Timestamp;

/// Who is logged in, in the application's own terms: usually a user id.
///
/// Compared byte for byte; give every user one spelling. Do not put personal data here that your
/// store should not hold.
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
principal_from_number!(u32, u64, u128, i32, i64, i128);

/// When and as whom a session was authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authentication {
    /// Who logged in.
    pub principal: Principal,
    /// When the login happened; a renewal does not change it.
    pub at: Timestamp,
    /// What the application wants to show in a list of devices, such as "Firefox on Linux".
    pub label: Option<Arc<str>>,
}

impl Authentication {
    /// An authentication of `principal` at `at`, without a label.
    #[must_use]
    pub const fn new(principal: Principal, at: Timestamp, label: Option<Arc<str>>) -> Self {
        Self { principal, at, label }
    }
}
