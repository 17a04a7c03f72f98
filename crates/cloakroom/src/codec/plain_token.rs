use std::fmt;

use zeroize::Zeroizing;

use crate::token::{MAX_PLAIN_LEN, PublicId, Token};

/// A session's token in the plain format: selector, secret and, over a shared tier, a version hint.
///
/// **Anyone who has its text has access to the session.** It has no `Display`, its `Debug` is
/// redacted, and it cannot be compared.
#[derive(Clone, Copy)]
pub struct PlainToken(pub(crate) Token);

impl PlainToken {
    /// The maximum length of the text, in bytes.
    pub const MAX_LEN: usize = MAX_PLAIN_LEN;

    /// Parses the one spelling of a plain token; `None` for any other text.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        Token::parse(text).map(Self)
    }

    /// Returns the text: 43 or 58 characters of base64url, with one dot in the longer one.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.encode().as_str().to_owned())
    }

    /// Returns the public id of the session, which gives no access to it.
    #[must_use]
    pub fn public_id(&self) -> PublicId {
        PublicId::of(&self.0.selector)
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken(..)")
    }
}
