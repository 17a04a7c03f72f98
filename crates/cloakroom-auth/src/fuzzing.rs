//! The check of the fuzz target in `fuzz/`. Not part of the API.
//!
//! Compiled for the fuzzers (`--cfg fuzzing`) and for the tests, which replay the committed seeds,
//! and inputs near them, through the same function.

use http::HeaderValue;

use crate::Next;
use crate::next::login_address;

/// Checks the parser of the page to return to after a login: a browser stays on the site, at
/// exactly that page, even if a proxy has decoded the address once more.
///
/// An input is the text of a page, and the query of a login page.
///
/// # Panics
/// If a page is accepted that leads elsewhere, or that is not the same after the login.
pub fn next(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for next in [Next::parse(text), Next::from_query(text)] {
        let Some(page) = next.path() else { continue };
        assert!(page.len() <= 2048);
        assert!(HeaderValue::try_from(page).is_ok(), "the page fits into a header");
        let path = page.split('?').next().unwrap_or_default();
        assert_eq!(reached(page).as_deref(), Some(path), "a browser opens the page as it is written");
        assert!(reached(&decoded(path)).is_some(), "a page of this site is one after it was decoded once more");
        let address = login_address("/login", Some(page));
        let query = address.strip_prefix("/login?").unwrap_or_default();
        assert_eq!(Next::from_query(query), next, "the login page leads back");
    }
    if let Some(page) = Next::parse(text).path() {
        assert_eq!(page, text, "a page is accepted unchanged");
    }
}

/// Returns the path that a browser opens for a `Location` with this text on a page of an `https`
/// site, by the steps of the URL Standard; `None` if it leaves the site.
fn reached(text: &str) -> Option<String> {
    let text = text.trim_matches(|character| character <= ' ').replace(['\t', '\n', '\r'], "").replace('\\', "/");
    let text = text.split(['?', '#']).next().unwrap_or_default();
    if text.starts_with("//") || has_scheme(text) {
        return None;
    }
    let mut path: Vec<&str> = Vec::new();
    let segments: Vec<_> = text.strip_prefix('/').unwrap_or(text).split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        match segment.to_ascii_lowercase().replace("%2e", ".").as_str() {
            "." => path.extend(is_last.then_some("")),
            ".." => {
                path.pop();
                path.extend(is_last.then_some(""));
            }
            _ => path.push(segment),
        }
    }
    Some(format!("/{}", path.join("/")))
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.'))
    })
}

/// Replaces each escape by its byte, as a proxy may do.
fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[path = "../../cloakroom/tests/support/seeds.rs"]
mod seeds;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::seeds::replay;
    use super::*;

    #[test]
    fn the_seeds_of_next_find_nothing() {
        replay("next", next);
    }

    proptest! {
        /// The browser of the check is no milder than a complete one.
        #[test]
        fn what_leaves_the_site_by_the_url_standard_leaves_it_here(text in "[/\\\\.:%2eEhtps@a?#\t\n ]{0,12}") {
            let site = Url::parse("https://shop.example/").unwrap();
            match site.join(&text) {
                Ok(url) if url.origin() == site.origin() && text.starts_with('/') => {
                    let path = url.path().to_owned();
                    prop_assert!(reached(&text).is_none_or(|reached| reached == path || path.contains('%')), "{}", path);
                }
                Ok(url) if url.origin() == site.origin() => {}
                _ => prop_assert_eq!(reached(&text), None),
            }
        }
    }
}
