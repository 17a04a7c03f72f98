//! The name and attributes of the session cookie.

use std::borrow::Cow;

mod builder;
mod rules;
#[cfg(test)]
mod tests;

pub use builder::CookieConfigBuilder;

use crate::config_error::ConfigError;

/// The name and attributes of the session cookie, validated: browsers accept every value of this
/// type.
///
/// | | [`default`](Self::default) | [`insecure_for_localhost`](Self::insecure_for_localhost) |
/// |---|---|---|
/// | name | `__Host-session` | `session` |
/// | `Secure` | yes | no |
/// | `HttpOnly` | yes | yes |
/// | `SameSite` | `Lax` | `Lax` |
/// | `Path` | `/` | `/` |
/// | `Domain` | none | none |
/// | `Partitioned` | no | no |
/// | `Max-Age` | only for remembered sessions | only for remembered sessions |
///
/// All other settings go through [`builder`](Self::builder), the one place where settings can
/// contradict each other:
///
/// ```
/// use cloakroom::{CookieConfig, SameSite};
///
/// let strict = CookieConfig::builder().same_site(SameSite::Strict).build()?;
/// assert_eq!(strict.name(), "__Host-session");
///
/// let shared = CookieConfig::builder().domain("shop.example").build()?;
/// assert_eq!(shared.name(), "__Secure-session");
///
/// let refused = CookieConfig::builder().name("__Host-basket").domain("shop.example").build();
/// assert_eq!(refused.unwrap_err().setting(), "cookie.domain");
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
///
/// # What cannot be configured
///
/// There is no way to leave out `HttpOnly`, and no number for `Max-Age`: a cookie lives at most as
/// long as its session. `Secure` is missing only after a call that has `insecure` in its name. A
/// cookie with a `__Host-` name could have had a type of its own without a setter for the domain;
/// but then the name in the code would not be the name in the browser, which is how other libraries
/// came to write `__Host-id` and read `id`. Therefore the name is written in full, and
/// [`build`](CookieConfigBuilder::build) checks it against the other settings.
///
/// # Changing it later
///
/// A new `Domain` or `Path` makes another cookie beside the old one, even if the name is the same.
/// Browsers then send both, a request with two different tokens under one name is refused, and the
/// visitor can neither read the session nor log in until the old cookie expires, unless a response
/// sends `Clear-Site-Data: "cookies"`. Change the name together with either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieConfig {
    name: Cow<'static, str>,
    /// Everything from the first `; ` on. The same text for setting and removing, so that a removal
    /// always matches.
    attributes: Cow<'static, str>,
    persistent: bool,
}

impl Default for CookieConfig {
    /// `__Host-session` with `Path=/; Secure; HttpOnly; SameSite=Lax`: for HTTPS.
    ///
    /// No other host and no plain HTTP response can set it (RFC 6265bis §4.1.3), and browsers do
    /// not send it over plain HTTP either (OWASP ASVS 3.3.1 to 3.3.4).
    fn default() -> Self {
        Self {
            name: Cow::Borrowed("__Host-session"),
            attributes: Cow::Borrowed("; Path=/; Secure; HttpOnly; SameSite=Lax"),
            persistent: false,
        }
    }
}

impl CookieConfig {
    /// `session` without `Secure`: only for `http://localhost`.
    ///
    /// Over plain HTTP, anyone on the network path can read and replace the cookie. The name
    /// differs from the default one, so that a cookie from development is ignored in production.
    #[must_use]
    pub const fn insecure_for_localhost() -> Self {
        Self {
            name: Cow::Borrowed("session"),
            attributes: Cow::Borrowed("; Path=/; HttpOnly; SameSite=Lax"),
            persistent: false,
        }
    }

    /// A builder with the settings of [`default`](Self::default).
    pub fn builder() -> CookieConfigBuilder {
        CookieConfigBuilder::default()
    }

    /// The cookie's name, as browsers see it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks that browsers keep the cookie with a token of this length.
    pub(super) fn fits(&self, token: usize) -> Result<(), ConfigError> {
        rules::size(&self.name, &self.attributes, token)
    }

    /// Returns `true` if browsers send the cookie over HTTPS only.
    #[cfg(feature = "axum")]
    pub(super) fn is_secure(&self) -> bool {
        // No other attribute can contain a semicolon.
        self.attributes.contains("; Secure")
    }

    pub(crate) fn attributes(&self) -> &str {
        &self.attributes
    }

    /// Returns `true` if every token gets a `Max-Age`, not only that of a remembered session.
    pub(crate) const fn is_persistent(&self) -> bool {
        self.persistent
    }
}

/// The cross-site requests with which browsers send the cookie (RFC 6265bis §5.6.7).
///
/// None of the values replaces a check of the origin of requests that change something: see the
/// guide about requests from other sites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// None: a visitor who follows a link from another site arrives logged out.
    Strict,
    /// Links that are followed from other sites, but not forms, images or scripts. The default.
    #[default]
    Lax,
    /// All. Only for pages that other sites embed; needs `Secure`, and several browsers refuse it
    /// nevertheless.
    None,
}

impl SameSite {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}
