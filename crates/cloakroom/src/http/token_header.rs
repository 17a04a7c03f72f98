//! The response header that carries a token to its client.

use std::fmt;

use http::HeaderName;

use crate::config_error::ConfigError;

/// The response header through which clients without a cookie receive, renew and lose their token.
///
/// | the response has | the client |
/// |---|---|
/// | `session-token: <token>` | sends `Authorization: Bearer <token>` from now on, in place of any older one |
/// | `session-token-expires-in: <seconds>` | treats the token as expired after this time, even if it is used |
/// | `session-token: !ended` | deletes its token: it logged out |
/// | neither | keeps its present token |
///
/// `!` occurs in no token (RFC 6750 §2.1, `b64token`), so `!ended` cannot be mistaken for one.
///
/// Any program that can send the token can also leak it: keep it out of URLs, logs and a browser's
/// `localStorage`. For browsers, prefer the cookie.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHeader {
    name: HeaderName,
    expires_in: HeaderName,
}

impl Default for TokenHeader {
    /// `session-token`, with `session-token-expires-in`.
    fn default() -> Self {
        Self {
            name: HeaderName::from_static("session-token"),
            expires_in: HeaderName::from_static("session-token-expires-in"),
        }
    }
}

impl TokenHeader {
    /// Uses another name, in lower case. The lifetime has the same name with the suffix
    /// `-expires-in`.
    ///
    /// # Errors
    /// If the name is not a valid header name, has upper-case letters, already has a meaning in
    /// HTTP or gRPC, or ends in `-bin`, which makes gRPC clients read the value as base64.
    pub fn new(name: &str) -> Result<Self, ConfigError> {
        let refuse = |problem: &str| ConfigError::new("token_header", format!("is {name:?} and {problem}"));
        if let Some(other) = name.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')) {
            return Err(refuse(&format!("contains {other:?}; use lower-case ASCII letters, digits and `-`")));
        }
        if name.is_empty() || name.len() > MAX_NAME_LEN {
            return Err(refuse("must have 1 to 64 characters"));
        }
        if name.ends_with("-bin") {
            return Err(refuse("ends in `-bin`, which makes gRPC clients read it as base64; choose another ending"));
        }
        if OTHERS.contains(&name) || OTHERS_BEGIN.iter().any(|begin| name.starts_with(begin)) {
            return Err(refuse("already means something else; use `session-token` or a name of your own"));
        }
        let header = |text: String| HeaderName::try_from(text).map_err(|_| refuse("is not a valid header name"));
        Ok(Self { name: header(name.to_owned())?, expires_in: header(format!("{name}-expires-in"))? })
    }

    /// The name of the header.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(super) const fn header(&self) -> &HeaderName {
        &self.name
    }

    pub(super) const fn expires_in(&self) -> &HeaderName {
        &self.expires_in
    }
}

impl fmt::Debug for TokenHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenHeader").field(&self.name()).finish()
    }
}

const MAX_NAME_LEN: usize = 64;

/// Response headers that caches, browsers and proxies interpret.
const OTHERS: [&str; 22] = [
    "age",
    "allow",
    "authorization",
    "cache-control",
    "clear-site-data",
    "connection",
    "cookie",
    "date",
    "etag",
    "expires",
    "host",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "refresh",
    "retry-after",
    "te",
    "trailer",
    "upgrade",
    "vary",
    "www-authenticate",
];
const OTHERS_BEGIN: [&str; 10] = [
    "access-control-",
    "alt-svc",
    "content-",
    "cross-origin-",
    "grpc-",
    "proxy-",
    "sec-",
    "set-cookie",
    "strict-transport-",
    "transfer-encoding",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_and_gives_that_of_the_lifetime() {
        let header = TokenHeader::new("x-session").unwrap();
        assert_eq!((header.name(), header.expires_in().as_str()), ("x-session", "x-session-expires-in"));
        let default = TokenHeader::default();
        assert_eq!(TokenHeader::new(default.name()).unwrap(), default);
    }

    #[test]
    fn names_that_cannot_work_are_refused_with_the_remedy() {
        let long = "x".repeat(65);
        let table = [
            ("", "1 to 64 characters"),
            (long.as_str(), "1 to 64 characters"),
            ("Session-Token", "'S'"),
            ("session token", "' '"),
            ("session:token", "':'"),
            ("session_token", "'_'"),
            ("session\r\ntoken", "'\\r'"),
            ("sess\u{131}on", "lower-case ASCII"),
            ("session-bin", "base64"),
            ("authorization", "something else"),
            ("set-cookie", "something else"),
            ("set-cookie2", "something else"),
            ("cache-control", "something else"),
            ("content-type", "something else"),
            ("grpc-status", "something else"),
            ("sec-session", "something else"),
            ("www-authenticate", "something else"),
        ];
        for (name, expected) in table {
            let error = TokenHeader::new(name).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
            assert!(error.starts_with("`token_header` is \""), "{error}");
        }
    }
}
