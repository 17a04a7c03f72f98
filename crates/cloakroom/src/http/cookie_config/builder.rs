use std::borrow::Cow;

use super::rules;
use super::{CookieConfig, SameSite};
use crate::config_error::ConfigError;
use crate::token;

/// Configures the session cookie. Every setting has a default; [`build`](Self::build) validates
/// them together.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct CookieConfigBuilder {
    name: Option<String>,
    domain: Option<String>,
    path: Option<String>,
    same_site: SameSite,
    persistent: bool,
    insecure: bool,
    partitioned: bool,
}

impl CookieConfigBuilder {
    /// Sets the whole name, including its prefix. Default: `session` with the strongest prefix that
    /// the other settings allow.
    ///
    /// That prefix is `__Host-`; with a domain or a path `__Secure-`; for localhost there is none.
    /// A name without a prefix is accepted, but any host of the same domain can plant a cookie
    /// under it. `__Host-Http-` also keeps scripts from setting the cookie, in browsers that
    /// support it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sends the cookie to this domain and all hosts below it. Default: only to the host that set
    /// it.
    ///
    /// All those hosts must be trusted: each can read every token, and set one of its own choice.
    ///
    /// [`build`](Self::build) refuses names of one label, addresses in every notation and, with the
    /// feature `public-suffix`, public suffixes such as `co.uk` and `github.io`, because browsers
    /// drop a cookie for them silently. The [list](https://publicsuffix.org) changes every week, and
    /// this one is as old as the build: test the login once under a new domain.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sends the cookie only below this path. Default: `/`.
    ///
    /// That saves bytes and separates applications that trust each other. It does not protect
    /// against hostile ones, because pages of one host can read each other.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Sets the cross-site requests with which the cookie is sent. Default: [`SameSite::Lax`].
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Keeps the cookie when the browser is closed. Default: only for remembered sessions.
    ///
    /// `Max-Age` is the remaining absolute timeout, at most the 400 days that browsers allow. The
    /// server enforces its timeouts whatever the browser does.
    pub const fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Keeps a separate cookie for each site that embeds this one (`Partitioned`, CHIPS). Default:
    /// off.
    ///
    /// This is the only way to have a session in pages that other sites embed, if browsers refuse
    /// third-party cookies. It needs `Secure` and [`SameSite::None`], without which no browser
    /// sends the cookie there. A visitor has one session per embedding site, and another one on
    /// your own site. Browsers that do not support the attribute ignore it. All partitioned cookies
    /// of your site may take 10 KiB per embedding site.
    pub const fn partitioned(mut self) -> Self {
        self.partitioned = true;
        self
    }

    /// Leaves out `Secure`: only for `http://localhost`.
    ///
    /// Over plain HTTP, anyone on the network path can read and replace the cookie.
    pub const fn insecure_for_localhost(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Validates the settings, each alone and against the others.
    ///
    /// # Errors
    /// Names the setting and the remedy, if browsers would refuse the cookie (RFC 6265bis §5.6 and
    /// §5.7) or if its name looks protected and is not.
    pub fn build(self) -> Result<CookieConfig, ConfigError> {
        let name = self.name.as_deref().unwrap_or_else(|| self.default_name());
        rules::name(name, self.insecure)?;
        if let Some(domain) = &self.domain {
            rules::domain(domain, name, self.insecure)?;
        }
        if let Some(path) = &self.path {
            rules::path(path, name)?;
        }
        if self.partitioned {
            rules::partitioned(self.same_site, self.insecure)?;
        }
        if self.insecure && self.same_site == SameSite::None {
            let problem = "`None` needs `Secure`; use `Lax` or `Strict`, or leave out `insecure_for_localhost`";
            return Err(ConfigError::new("cookie.same_site", problem));
        }
        let attributes = self.attributes();
        rules::size(name, &attributes, token::MAX_TOKEN_LEN)?;
        let name = Cow::Owned(name.to_owned());
        Ok(CookieConfig { name, attributes: Cow::Owned(attributes), persistent: self.persistent })
    }

    fn default_name(&self) -> &'static str {
        let everywhere = self.path.as_deref().is_none_or(|path| path == "/");
        match (self.insecure, &self.domain) {
            (true, _) => "session",
            (false, None) if everywhere => "__Host-session",
            (false, _) => "__Secure-session",
        }
    }

    fn attributes(&self) -> String {
        let mut text = format!("; Path={}", self.path.as_deref().unwrap_or("/"));
        if let Some(domain) = &self.domain {
            text.push_str("; Domain=");
            text.push_str(&domain.to_ascii_lowercase());
        }
        if !self.insecure {
            text.push_str("; Secure");
        }
        text.push_str("; HttpOnly; SameSite=");
        text.push_str(self.same_site.as_str());
        if self.partitioned {
            text.push_str("; Partitioned");
        }
        text
    }
}
