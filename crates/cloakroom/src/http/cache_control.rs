//! Keeps responses that belong to one visitor out of shared caches (OWASP ASVS 14.2.2, 14.3.2; RFC
//! 9111 §7.3).

use http::header::{CACHE_CONTROL, Entry, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

mod directives;
#[cfg(test)]
mod tests;

use directives::Directives;

/// How private a response must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// The response may depend on the session.
    Used,
    /// The response issues or removes a token.
    TokenIssued,
}

/// Makes the response at least as private as required, and leaves stricter headers unchanged.
///
/// - `TokenIssued`: `Cache-Control: no-store`. A cached copy would give the token to the next
///   visitor.
/// - `Used`: `Cache-Control: private`. Directives of the application that set how long or how to
///   cache, such as `max-age=60`, stay; those that allow shared caches, `public` and `s-maxage`,
///   are removed. A browser may thus keep its visitor's copy as long as the application wants, and
///   `Vary` keeps that copy from the next visitor of the same browser. Removing `max-age` would not
///   be safer: browsers guess a lifetime if none is given (RFC 9111 §4.2.2).
/// - Both: `Vary` with the fields that carry tokens; and headers that override `Cache-Control` for
///   shared caches alone are removed.
pub(crate) fn enforce(headers: &mut HeaderMap, exposure: Privacy, varies: &[&'static str]) {
    let present = Present::find(headers);
    if present.overrides {
        remove_overrides(headers);
    }
    if present.cache_control {
        restrict(headers, exposure);
    } else {
        headers.insert(CACHE_CONTROL, exposure.demand());
    }
    for field in varies {
        if present.vary {
            vary(headers, field);
        } else {
            headers.append(VARY, HeaderValue::from_static(field));
        }
    }
}

/// The headers of the application that matter here. Most responses have none of them.
#[derive(Default)]
struct Present {
    cache_control: bool,
    vary: bool,
    /// Headers that make shared caches ignore `Cache-Control`.
    overrides: bool,
}

impl Present {
    /// Walks over the headers once.
    fn find(headers: &HeaderMap) -> Self {
        let mut present = Self::default();
        for name in headers.keys() {
            match name {
                name if *name == CACHE_CONTROL => present.cache_control = true,
                name if *name == VARY => present.vary = true,
                name => present.overrides |= is_for_shared_caches(name),
            }
        }
        present
    }
}

fn remove_overrides(headers: &mut HeaderMap) {
    while let Some(name) = headers.keys().find(|name| is_for_shared_caches(name)).cloned() {
        headers.remove(name);
    }
}

fn restrict(headers: &mut HeaderMap, exposure: Privacy) {
    if let Entry::Occupied(mut said) = headers.entry(CACHE_CONTROL)
        && let Some(stricter) = exposure.stricter(said.iter())
    {
        said.insert(stricter);
    }
}

fn vary(headers: &mut HeaderMap, field: &'static str) {
    if let Entry::Occupied(mut said) = headers.entry(VARY)
        && !said.iter().any(|said| covers(said, field))
    {
        said.append(HeaderValue::from_static(field));
    }
}

impl Privacy {
    const fn demand(self) -> HeaderValue {
        match self {
            Self::Used => const { HeaderValue::from_static("private") },
            Self::TokenIssued => const { HeaderValue::from_static("no-store") },
        }
    }

    /// The replacement for the application's directives, if they are not strict enough.
    fn stricter<'a>(self, said: impl Iterator<Item = &'a HeaderValue>) -> Option<HeaderValue> {
        let Some(said) = Directives::parse(said.map(HeaderValue::as_bytes)) else {
            return Some(self.demand());
        };
        match self {
            Self::Used if said.is_private() => None,
            Self::TokenIssued if said.is_never_stored() => None,
            Self::Used if !said.is_empty() => HeaderValue::try_from(said.made_private()).ok().or(Some(self.demand())),
            _ => Some(self.demand()),
        }
    }
}

fn covers(vary: &HeaderValue, field: &str) -> bool {
    let mut members = vary.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    members.any(|member| member == b"*" || member.eq_ignore_ascii_case(field.as_bytes()))
}

/// Returns `true` for headers that make shared caches ignore `Cache-Control`.
///
/// These are the targeted fields of RFC 9213, which all end in `-cache-control` (`cdn-`,
/// `netlify-cdn-`, `x-litespeed-`, …), and older ones: `Surrogate-Control` (Fastly, Varnish),
/// `Edge-Control` (Akamai), `X-Accel-Expires` (nginx), with the prefixes that are in use.
fn is_for_shared_caches(name: &HeaderName) -> bool {
    let name = name.as_str();
    let is_one_of = |names: &[&str]| names.iter().any(|end| name.ends_with(end));
    is_one_of(&["-cache-control", "surrogate-control", "edge-control", "accel-expires"])
}
