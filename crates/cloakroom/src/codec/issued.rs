use std::fmt;
use std::time::Duration;

/// The text that a client receives for its token, and how long it is valid.
///
/// `Debug` does not show the text.
#[derive(Clone)]
#[non_exhaustive]
pub struct IssuedToken {
    /// The text: visible ASCII as in RFC 6750 §2.1 (`b64token`), so that it fits both carriers.
    pub text: String,
    /// How long the text is valid: usually the session's lifetime, or less.
    pub lifetime: Duration,
}

impl IssuedToken {
    /// A text that is valid for `lifetime`.
    #[must_use]
    pub const fn new(text: String, lifetime: Duration) -> Self {
        Self { text, lifetime }
    }

    /// Returns `true` if the text can be sent by every carrier and is not longer than announced.
    pub(crate) fn is_sendable(&self, max_len: usize) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let text = self.text.trim_end_matches('=');
        !text.is_empty() && text.bytes().all(allowed) && self.text.len() <= max_len
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(text: &str) -> IssuedToken {
        IssuedToken::new(text.to_owned(), Duration::from_secs(1))
    }

    #[test]
    fn only_what_every_carrier_can_send_is_sent() {
        for text in ["a", "eyJ.e30.c2ln", "a-b._~+/9==", "0123456789"] {
            assert!(issued(text).is_sendable(12), "{text:?}");
        }
        for text in ["", "=", "a=b", "!ended", "a;b", "a b", "a\r\nb", "a,b", "\"a\"", "\u{e4}", "0123456789012"] {
            assert!(!issued(text).is_sendable(12), "{text:?}");
        }
    }

    #[test]
    fn r55_the_text_does_not_show() {
        assert!(!format!("{:?}", issued("a-token")).contains("a-token"));
    }
}
