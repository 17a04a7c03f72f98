use std::fmt;

use cookie::Cookie;
#[cfg(any(feature = "signed", feature = "private"))]
use cookie::{CookieJar, Key};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// The cookie in which another library sent the id of a session.
///
/// ```
/// use cloakroom_tower_sessions::OldCookie;
///
/// // The defaults of `tower-sessions`.
/// let cookie = OldCookie::named("id");
/// ```
#[derive(Clone)]
#[must_use]
pub struct OldCookie {
    name: String,
    path: String,
    domain: Option<String>,
    secure: bool,
    protection: Protection,
}

/// How the value of a cookie is protected against clients.
#[derive(Clone)]
enum Protection {
    None,
    #[cfg(feature = "signed")]
    Signed(Key),
    #[cfg(feature = "private")]
    Private(Key),
    #[cfg(feature = "axum-session")]
    AxumSession,
}

/// Length of the signature before the id in a cookie of `axum_session`, in Base64.
#[cfg(feature = "axum-session")]
const AXUM_SESSION_SIGNATURE_LEN: usize = 44;

impl OldCookie {
    /// A plain cookie with this name, for the path `/`, no domain, and HTTPS.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), path: "/".to_owned(), domain: None, secure: true, protection: Protection::None }
    }

    /// Sets the path that the cookie was set with, without which a browser does not remove it.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the domain that the cookie was set with, without which a browser does not remove it.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// The cookie was set without `Secure`. Browsers ignore `Secure` cookies from plain HTTP, and
    /// so would not remove it.
    pub fn insecure(mut self) -> Self {
        self.secure = false;
        self
    }

    /// The cookie was signed with this key, by `SessionManagerLayer::with_signed`.
    #[cfg(feature = "signed")]
    pub fn signed(mut self, key: Key) -> Self {
        self.protection = Protection::Signed(key);
        self
    }

    /// The cookie was encrypted with this key, by `SessionManagerLayer::with_private`.
    #[cfg(feature = "private")]
    pub fn private(mut self, key: Key) -> Self {
        self.protection = Protection::Private(key);
        self
    }

    /// The cookie was signed by `axum_session`, by `SessionConfig::with_key`.
    ///
    /// The signature is skipped and not checked, because it also covers the address and the browser
    /// of the client. What remains is the random id: as in an application without a key, it opens
    /// the session for every client that has it, until the session is taken over.
    #[cfg(feature = "axum-session")]
    pub fn signed_by_axum_session(mut self) -> Self {
        self.protection = Protection::AxumSession;
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns `true` if the request carries a cookie with the name.
    pub(super) fn is_present(&self, headers: &HeaderMap) -> bool {
        self.find(headers).is_some()
    }

    /// Returns the id in the request's cookie, if the cookie is as the application made it.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<String> {
        let cookie = self.find(headers)?;
        match &self.protection {
            Protection::None => Some(cookie.value().to_owned()),
            #[cfg(feature = "signed")]
            Protection::Signed(key) => jar(cookie).signed(key).get(&self.name).map(|cookie| cookie.value().to_owned()),
            #[cfg(feature = "private")]
            Protection::Private(key) => {
                jar(cookie).private(key).get(&self.name).map(|cookie| cookie.value().to_owned())
            }
            #[cfg(feature = "axum-session")]
            Protection::AxumSession => cookie.value().get(AXUM_SESSION_SIGNATURE_LEN..).map(str::to_owned),
        }
    }

    /// Of several cookies with the name, `tower-sessions` reads the last one.
    fn find(&self, headers: &HeaderMap) -> Option<Cookie<'static>> {
        let fields = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
        let cookies = fields.flat_map(Cookie::split_parse_encoded).filter_map(Result::ok);
        cookies.filter(|cookie| cookie.name() == self.name).last().map(Cookie::into_owned)
    }

    /// Returns the `Set-Cookie` header that removes the cookie.
    pub(super) fn removal(&self) -> Option<HeaderValue> {
        let mut cookie = Cookie::build(self.name.as_str()).path(self.path.as_str()).secure(self.secure).http_only(true);
        if let Some(domain) = &self.domain {
            cookie = cookie.domain(domain.as_str());
        }
        let mut cookie = cookie.build();
        cookie.make_removal();
        HeaderValue::try_from(cookie.encoded().to_string()).ok()
    }
}

#[cfg(any(feature = "signed", feature = "private"))]
fn jar(cookie: Cookie<'static>) -> CookieJar {
    let mut jar = CookieJar::new();
    jar.add_original(cookie);
    jar
}

/// Omits the key.
impl fmt::Debug for OldCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OldCookie").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[&'static str]) -> HeaderMap {
        fields.iter().map(|field| (COOKIE, HeaderValue::from_static(field))).collect()
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let cookie = OldCookie::named("id");
        for (fields, found) in [
            (&["id=one"][..], Some("one")),
            (&["a=b; id=one; c=d"], Some("one")),
            (&["id=one", "id=two"], Some("two")),
            (&["id=%3D"], Some("=")),
            (&["xid=one; =; ;; id"], None),
            (&[], None),
        ] {
            assert_eq!(cookie.read(&headers(fields)).as_deref(), found, "{fields:?}");
        }
    }

    #[test]
    fn the_removal_has_the_attributes_of_the_cookie() {
        let removal = OldCookie::named("__Secure-id").path("/app").domain("example.com").removal().unwrap();
        let removal = removal.to_str().unwrap();
        for part in ["__Secure-id=;", "Path=/app", "Domain=example.com", "Secure", "Max-Age=0"] {
            assert!(removal.contains(part), "{removal}");
        }
        assert!(!OldCookie::named("id").insecure().removal().unwrap().to_str().unwrap().contains("Secure"));
    }
}
