use std::convert::Infallible;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::auth_layer::SignInTarget;

/// The name of the query parameter.
const PARAMETER: &str = "next";

/// Longer paths are rare, and the redirect must fit into the header limits of proxies.
const MAX_LENGTH: usize = 2048;

/// The page to which a visitor returns after the login: a path of this site, or none.
///
/// As an extractor, it reads the query parameter `next` of a login page, which the redirect of a
/// [`Guard`](crate::Guard) adds. A form without an `action` is sent to the address of its page, so
/// the handler of the form finds the parameter too.
///
/// ```
/// use axum::response::Redirect;
/// use cloakroom_auth::Next;
///
/// async fn sign_in(next: Next) -> Redirect {
///     // ... after the login
///     Redirect::to(next.path_or("/"))
/// }
/// # let _: axum::Router = axum::Router::new().route("/login", axum::routing::post(sign_in));
/// ```
///
/// Anyone can write a link to your login page, so only paths are accepted that every browser takes
/// for a page of this site (OWASP ASVS 5.0, 3.7.2: no open redirect): at most 2048 visible ASCII
/// characters, beginning with one `/`, without an empty, `.` or `..` segment, without backslashes or
/// fragments, and in the path without an encoded slash, backslash, percent sign or control
/// character. Everything else counts as none, and so do two parameters and the login page itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next(Option<String>);

impl Next {
    /// Returns a page to return to, from untrusted text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(is_safe(text).then(|| text.to_owned()))
    }

    /// Returns the path and the query of the page, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Returns the path and the query of the page, or `default`.
    #[must_use]
    pub fn path_or<'a>(&'a self, default: &'a str) -> &'a str {
        self.path().unwrap_or(default)
    }

    pub(crate) fn from_query(query: &str) -> Self {
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == PARAMETER);
        match (values.next(), values.next()) {
            (Some((_, next)), None) => Self::parse(&next),
            _ => Self(None),
        }
    }

    /// Removes a page that would lead back to the login page.
    fn unless_at(self, login_page: Option<&str>) -> Self {
        Self(self.0.filter(|next| !login_page.is_some_and(|page| is_at(next, page))))
    }
}

/// Reads the parameter of the request's query.
impl<S: Sync> FromRequestParts<S> for Next {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let target = parts.extensions.get::<SignInTarget>();
        let login_page = target.and_then(|target| target.login_page.as_deref());
        Ok(Self::from_query(parts.uri.query().unwrap_or_default()).unless_at(login_page))
    }
}

/// Returns the address of the login page, with the page to return to.
pub(crate) fn login_address(login_page: &str, next: Option<&str>) -> String {
    let Some(next) = next.filter(|next| is_safe(next)) else { return login_page.to_owned() };
    let query = form_urlencoded::Serializer::new(String::new()).append_pair(PARAMETER, next).finish();
    format!("{login_page}?{query}")
}

/// Returns `true` if a path, with or without a query, is that of `page`.
pub(crate) fn is_at(path: &str, page: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    path.trim_end_matches('/').eq_ignore_ascii_case(page.trim_end_matches('/'))
}

/// Returns `true` if every browser takes the text for a page of the site that it is on.
pub(crate) fn is_safe(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or_default();
    text.len() <= MAX_LENGTH
        && text.bytes().all(is_plain)
        && path.strip_prefix('/').is_some_and(|segments| {
            let mut segments = segments.split('/').peekable();
            let mut is_safe = true;
            while let Some(segment) = segments.next() {
                // A path may end with a slash.
                let may_be_empty = segments.peek().is_none();
                is_safe &= (may_be_empty || !segment.is_empty()) && is_safe_segment(segment);
            }
            is_safe
        })
}

/// Returns `true` for characters that an address contains as they are and that no parser reads in
/// two ways. Browsers drop tabs and line breaks, and take a backslash for a slash.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'#')
}

/// Returns `true` if a segment of a path means the same to whoever decodes it once more.
fn is_safe_segment(segment: &str) -> bool {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (bytes.next().and_then(hex), bytes.next().and_then(hex)) else { return false };
        let byte = 16 * high + low;
        if byte.is_ascii_control() || matches!(byte, b'/' | b'\\' | b'%') {
            return false;
        }
        decoded.push(byte);
    }
    decoded != b"." && decoded != b".."
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
