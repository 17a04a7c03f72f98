use std::time::Duration;

use http::HeaderValue;

use crate::http::{CookieConfig, CookieConfigBuilder, CookieToken, SameSite, find_in, issue, remove};
use crate::token::{Secret, Selector, Token, VersionHint};

/// Checks that a browser that implements RFC 6265bis accepts every valid cookie configuration.
///
/// An input is a setting on each line: `name=…`, `domain=…`, `path=…`, `none`, `strict`,
/// `persistent`, `insecure`.
///
/// # Panics
/// If a browser would drop the cookie, or read another one than was set.
pub fn cookie_config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let asked = Asked::from(text);
    match asked.builder().build() {
        Ok(config) => {
            let token = Token {
                selector: Selector::from_bytes([0xff; 16]),
                secret: Secret::from_bytes([0xff; 16]),
                hint: Some(VersionHint { version: u64::MAX, nonce: u16::MAX }),
            };
            let token = token.encode();
            asked.see(&config, &issue(&config, token.as_str(), Some(Duration::MAX)));
            asked.see(&config, &remove(&config));
            let sent = format!("{}={}", config.name(), token.as_str());
            let found = find_in([sent.as_bytes()].into_iter(), config.name().as_bytes(), |_| true);
            assert_eq!(found, CookieToken::One(token.as_str().as_bytes()), "a cookie that is set can be found");
        }
        Err(error) => {
            assert!(
                ["cookie.name", "cookie.domain", "cookie.path", "cookie.same_site"].contains(&error.setting()),
                "{error}"
            );
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
        }
    }
}

#[derive(Default)]
struct Asked<'a> {
    name: Option<&'a str>,
    domain: Option<&'a str>,
    path: Option<&'a str>,
    same_site: SameSite,
    persistent: bool,
    insecure: bool,
}

impl<'a> From<&'a str> for Asked<'a> {
    fn from(text: &'a str) -> Self {
        let mut asked = Self::default();
        for line in text.split('\n') {
            match line.split_once('=').unwrap_or((line, "")) {
                ("name", name) => asked.name = Some(name),
                ("domain", domain) => asked.domain = Some(domain),
                ("path", path) => asked.path = Some(path),
                ("none", _) => asked.same_site = SameSite::None,
                ("strict", _) => asked.same_site = SameSite::Strict,
                ("persistent", _) => asked.persistent = true,
                ("insecure", _) => asked.insecure = true,
                _ => {}
            }
        }
        asked
    }
}

impl Asked<'_> {
    fn builder(&self) -> CookieConfigBuilder {
        let mut builder = CookieConfig::builder().same_site(self.same_site);
        if let Some(name) = self.name {
            builder = builder.name(name);
        }
        if let Some(domain) = self.domain {
            builder = builder.domain(domain);
        }
        if let Some(path) = self.path {
            builder = builder.path(path);
        }
        if self.persistent {
            builder = builder.persistent();
        }
        if self.insecure { builder.insecure_for_localhost() } else { builder }
    }

    /// Checks a header of this library by RFC 6265bis §5.6 and §5.7.
    fn see(&self, config: &CookieConfig, sent: &HeaderValue) {
        let Ok(text) = sent.to_str() else { panic!("not text: {sent:?}") };
        assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
        let mut parts = text.split(';');
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap_or_default();
        assert!(name.len() + value.len() <= 4096 && text.len() <= 4096, "browsers drop it");
        assert_eq!(name.trim(), config.name(), "{text}");
        let attributes: Vec<_> = parts.map(str::trim).map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
        let get = |name: &str| {
            let mut found = attributes.iter().filter(|(present, _)| present.eq_ignore_ascii_case(name));
            let first = found.next().map(|(_, value)| *value);
            assert!(found.next().is_none(), "`{name}` twice: {text}");
            first
        };
        let known = ["Path", "Domain", "Secure", "HttpOnly", "SameSite", "Max-Age", "Expires"];
        assert!(attributes.iter().all(|(name, value)| known.contains(name) && value.len() <= 1024), "{text}");
        assert_eq!(get("Path"), Some(self.path.unwrap_or("/")), "{text}");
        assert_eq!(get("Domain"), self.domain.map(str::to_ascii_lowercase).as_deref(), "{text}");
        assert_eq!((get("Secure").is_none(), get("HttpOnly")), (self.insecure, Some("")), "{text}");
        assert!(get("SameSite") != Some("None") || get("Secure").is_some(), "{text}");
        let prefixed = |prefix: &str| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        if ["__Secure-", "__Host-", "__Http-"].into_iter().any(prefixed) {
            assert!(get("Secure").is_some(), "{text}");
        }
        if prefixed("__Host-") {
            assert_eq!((get("Domain"), get("Path")), (None, Some("/")), "{text}");
        }
        if let Some(domain) = get("Domain") {
            assert!(domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.'), "{text}");
        }
    }
}
