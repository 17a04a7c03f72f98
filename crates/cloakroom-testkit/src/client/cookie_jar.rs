//! The cookies of a client, by the rules of RFC 6265bis.

use std::time::Duration;

use cloakroom::Timestamp;
use cookie::{Cookie, SameSite};
use http::Method;

use super::origin::Origin;

/// Longer cookies are ignored (RFC 6265bis §5.7): bytes of name and value.
const MAX_BYTES: usize = 4096;
/// Longer lifetimes are limited to this (RFC 6265bis §5.5): 400 days.
const MAX_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Where a request comes from, as far as it decides about cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Initiator {
    /// A page of the application.
    SameSite,
    /// A page of another site: a link if the method is safe, and a form otherwise.
    OtherSite,
}

/// The cookies of one browser.
#[derive(Debug, Default)]
pub(super) struct CookieJar {
    /// In the order of their creation.
    cookies: Vec<StoredCookie>,
}

#[derive(Debug)]
struct StoredCookie {
    name: String,
    value: String,
    domain: Domain,
    path: String,
    secure: bool,
    same_site: SameSite,
    /// `None` if the cookie ends with the browser.
    expires: Option<Timestamp>,
}

#[derive(Debug, PartialEq, Eq)]
enum Domain {
    /// The host that set the cookie, and no other.
    Host(String),
    /// A domain and all hosts below it.
    Below(String),
}

impl CookieJar {
    /// Stores, replaces or removes a cookie, or ignores what browsers ignore.
    pub(super) fn store(&mut self, set_cookie: &str, origin: &Origin, path: &str, now: Timestamp) {
        let Some(cookie) = StoredCookie::parse(set_cookie, origin, path, now) else { return };
        // A page over plain HTTP cannot replace a cookie that it cannot see.
        if !origin.is_secure() && self.cookies.iter().any(|other| other.secure && other.name == cookie.name) {
            return;
        }
        let place = self.cookies.iter().position(|other| other.is_same_as(&cookie));
        let is_over = cookie.is_over(now);
        match place {
            Some(place) if is_over => drop(self.cookies.remove(place)),
            Some(place) => self.cookies[place] = cookie,
            None if is_over => {}
            None => self.cookies.push(cookie),
        }
    }

    /// The header `Cookie` of a request. `None` if no cookie belongs to it.
    pub(super) fn header(
        &self,
        origin: &Origin,
        path: &str,
        method: &Method,
        initiator: Initiator,
        now: Timestamp,
    ) -> Option<String> {
        let sent = self.matching(origin, path, now).filter(|cookie| cookie.may_be_sent_by(initiator, method));
        let mut sent: Vec<_> = sent.collect();
        // Longer paths first, then older cookies; the sort is stable.
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    pub(super) fn value(&self, name: &str, origin: &Origin, now: Timestamp) -> Option<String> {
        self.matching(origin, "/", now).find(|cookie| cookie.name == name).map(|cookie| cookie.value.clone())
    }

    /// Removes the cookies that end with the browser.
    pub(super) fn end_session(&mut self) {
        self.cookies.retain(|cookie| cookie.expires.is_some());
    }

    fn matching(&self, origin: &Origin, path: &str, now: Timestamp) -> impl Iterator<Item = &StoredCookie> {
        let host = origin.host();
        self.cookies.iter().filter(move |cookie| {
            !cookie.is_over(now)
                && cookie.domain.contains(&host)
                && (origin.is_secure() || !cookie.secure)
                && path_matches(path, &cookie.path)
        })
    }
}

impl StoredCookie {
    /// `None` if browsers ignore the cookie.
    fn parse(set_cookie: &str, origin: &Origin, path: &str, now: Timestamp) -> Option<Self> {
        let parsed = Cookie::parse(set_cookie).ok()?;
        let host = origin.host();
        let domain = match parsed.domain().map(str::to_ascii_lowercase) {
            Some(domain) if domain == host && origin.is_address() => Domain::Host(host),
            Some(domain) => {
                Some(Domain::Below(domain)).filter(|below| !origin.is_address() && below.contains(&host))?
            }
            None => Domain::Host(host),
        };
        let cookie = Self {
            name: parsed.name().to_owned(),
            value: parsed.value().to_owned(),
            domain,
            path: parsed.path().filter(|path| path.starts_with('/')).unwrap_or_else(|| default_path(path)).to_owned(),
            secure: parsed.secure().unwrap_or(false),
            same_site: parsed.same_site().unwrap_or(SameSite::Lax),
            expires: expiry(&parsed, now),
        };
        let fits = cookie.name.len() + cookie.value.len() <= MAX_BYTES;
        (fits && cookie.keeps_the_promise_of_its_name() && cookie.may_be_set_from(origin)).then_some(cookie)
    }

    /// The prefixes of names (RFC 6265bis §4.1.3).
    fn keeps_the_promise_of_its_name(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        if name.starts_with("__host-") {
            return self.secure && self.path == "/" && matches!(self.domain, Domain::Host(_));
        }
        !name.starts_with("__secure-") || self.secure
    }

    fn may_be_set_from(&self, origin: &Origin) -> bool {
        (!self.secure || origin.is_secure()) && (self.secure || self.same_site != SameSite::None)
    }

    fn may_be_sent_by(&self, initiator: Initiator, method: &Method) -> bool {
        match (initiator, self.same_site) {
            (Initiator::SameSite, _) | (_, SameSite::None) => true,
            (Initiator::OtherSite, SameSite::Lax) => method.is_safe(),
            (Initiator::OtherSite, SameSite::Strict) => false,
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    fn is_same_as(&self, other: &Self) -> bool {
        (&self.name, &self.domain, &self.path) == (&other.name, &other.domain, &other.path)
    }
}

impl Domain {
    fn contains(&self, host: &str) -> bool {
        match self {
            Self::Host(own) => own == host,
            Self::Below(domain) => {
                host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
        }
    }
}

/// `Max-Age` is stronger than `Expires`.
fn expiry(cookie: &Cookie<'_>, now: Timestamp) -> Option<Timestamp> {
    let latest = now.after(MAX_LIFETIME);
    let by_age = cookie.max_age().map(|age| {
        // A negative age is over too.
        now.after(Duration::try_from(age).unwrap_or_default())
    });
    let by_date = || {
        let seconds = cookie.expires_datetime()?.unix_timestamp();
        Some(Timestamp::from_millis(u64::try_from(seconds).unwrap_or_default().saturating_mul(1000)))
    };
    by_age.or_else(by_date).map(|end| end.min(latest))
}

/// The folder of the request (RFC 6265bis §5.1.4).
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

/// Returns `true` if the path is the cookie's, or below it (RFC 6265bis §5.1.4).
fn path_matches(path: &str, of_cookie: &str) -> bool {
    path.strip_prefix(of_cookie)
        .is_some_and(|rest| rest.is_empty() || of_cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
