//! Whether a request was made by a person who can be sent to a page, or by a program.

use http::header::{ACCEPT, AUTHORIZATION, HeaderName};
use http::{HeaderMap, HeaderValue};

const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// How many media ranges of an `Accept` header are read.
const MAX_RANGES: usize = 32;

/// Returns `true` if a browser made the request in order to show the response as a page.
///
/// A redirect to a login page would be followed by a script, which then takes the page for its data.
pub(crate) fn shows_pages(headers: &HeaderMap) -> bool {
    let is_navigation = headers.get(FETCH_MODE).is_none_or(|mode| mode == "navigate");
    is_navigation
        && !headers.contains_key(AUTHORIZATION)
        && !headers.contains_key(REQUESTED_WITH)
        && headers.get_all(ACCEPT).iter().any(accepts_html)
}

fn accepts_html(accept: &HeaderValue) -> bool {
    let Ok(accept) = accept.to_str() else { return false };
    accept.split(',').take(MAX_RANGES).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_html = parts.next().is_some_and(|kind| {
            kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
        });
        is_html && !parts.any(is_zero_weight)
    })
}

/// Returns `true` for `q=0`, which refuses a media type (RFC 9110 §12.4.2).
fn is_zero_weight(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && weight.trim().parse::<f32>().is_ok_and(|weight| weight == 0.0)
}

/// Returns `true` if the request carries an `Authorization` header of the scheme `Bearer`.
pub(crate) fn has_bearer_token(headers: &HeaderMap) -> bool {
    let scheme = |value: &HeaderValue| value.as_bytes().split(|byte| *byte == b' ').next().map(<[u8]>::to_vec);
    headers.get(AUTHORIZATION).and_then(scheme).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_navigation_that_accepts_html_shows_pages() {
        for accept in [BROWSER, "text/html", "TEXT/HTML;charset=utf-8", "application/json, application/xhtml+xml;q=0.1"]
        {
            assert!(shows_pages(&headers(&[("accept", accept)])), "{accept}");
            assert!(shows_pages(&headers(&[("accept", accept), ("sec-fetch-mode", "navigate")])), "{accept}");
        }
    }

    #[test]
    fn a_program_shows_no_pages() {
        for accept in ["*/*", "application/json", "text/plain", "text/html;q=0", "text/html; q=0.000", "text/*", ""] {
            assert!(!shows_pages(&headers(&[("accept", accept)])), "{accept}");
        }
        assert!(!shows_pages(&HeaderMap::new()));
        for (name, value) in [
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-mode", "same-origin"),
            ("sec-fetch-mode", "websocket"),
            ("x-requested-with", "XMLHttpRequest"),
            ("authorization", "Bearer x"),
            ("authorization", "Basic x"),
        ] {
            assert!(!shows_pages(&headers(&[("accept", BROWSER), (name, value)])), "{name}: {value}");
        }
    }

    #[test]
    fn a_bearer_token_is_recognised_by_its_scheme() {
        assert!(has_bearer_token(&headers(&[("authorization", "bEARER x")])));
        assert!(!has_bearer_token(&headers(&[("authorization", "Basic Bearer")])));
        assert!(!has_bearer_token(&HeaderMap::new()));
    }
}
