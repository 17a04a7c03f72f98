//! The `Set-Cookie` header that issues a token or removes it.
//!
//! Both have the same name and the same attributes, because browsers remove a cookie only for its
//! own `Domain` and `Path`, and refuse a removal that violates the rules of the name's prefix (RFC
//! 6265bis §5.7).

use std::time::Duration;

use http::HeaderValue;

use super::cookie_config::CookieConfig;

/// Browsers limit longer lifetimes to this (RFC 6265bis §5.5): 400 days.
const MAX_MAX_AGE: u64 = 400 * 24 * 60 * 60;
const MAX_AGE: &str = "; Max-Age=";
/// `Expires` is for clients that do not support `Max-Age`.
const REMOVED: &str = "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";

/// Issues a token. With `max_age` the cookie outlives the browser, otherwise it does not.
pub(crate) fn issue(config: &CookieConfig, token: &str, max_age: Option<Duration>) -> HeaderValue {
    match max_age {
        Some(left) => line(config, token, &lifetime(left)),
        None => line(config, token, ""),
    }
}

/// Removes the cookie. Only for an explicit logout: a response to an outdated token may arrive
/// after the response that set the new one.
pub(crate) fn remove(config: &CookieConfig) -> HeaderValue {
    line(config, "", REMOVED)
}

/// The maximum length of the header for a cookie. A removal has no token and is therefore shorter.
pub(crate) fn longest(name: &str, attributes: &str, token: usize) -> usize {
    name.len() + "=".len() + token + attributes.len() + lifetime(Duration::MAX).len()
}

/// Rounds down to whole seconds, so that no cookie outlives its session, but never to zero, which
/// would be a removal.
fn lifetime(left: Duration) -> String {
    format!("{MAX_AGE}{}", left.as_secs().clamp(1, MAX_MAX_AGE))
}

#[expect(
    clippy::expect_used,
    reason = "every part was validated when it was made; a lost cookie would be a lost login"
)]
fn line(config: &CookieConfig, value: &str, lifetime: &str) -> HeaderValue {
    let text = [config.name(), "=", value, config.attributes(), lifetime].concat();
    let mut header = HeaderValue::try_from(text).expect("names, tokens and attributes are visible ASCII");
    // Keeps the token out of `Debug`, and out of the compression tables of HTTP/2 and HTTP/3.
    header.set_sensitive(true);
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::cookie_config::SameSite;
    use crate::token::{Secret, Selector, Token, VersionHint};

    const PLAIN: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const HINTED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.AAAAAAAAAQL__g";

    fn token(hint: Option<VersionHint>) -> Token {
        let counting = |from: u8| std::array::from_fn(|index| from + index as u8);
        Token { selector: Selector::from_bytes(counting(0)), secret: Secret::from_bytes(counting(16)), hint }
    }

    fn issued(config: &CookieConfig, hint: Option<VersionHint>, max_age: Option<Duration>) -> String {
        text(&issue(config, token(hint).encode().as_str(), max_age))
    }

    fn text(header: &HeaderValue) -> String {
        header.to_str().unwrap().to_owned()
    }

    fn wide() -> CookieConfig {
        let builder = CookieConfig::builder().domain("Shop.Example").path("/app").same_site(SameSite::None);
        builder.build().unwrap()
    }

    #[test]
    fn r24_the_default_cookie_has_every_protection() {
        let config = CookieConfig::default();
        let attributes = "Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(issued(&config, None, None), format!("__Host-session={PLAIN}; {attributes}"));
        let hint = Some(VersionHint { version: 0x102, nonce: 0xfffe });
        let max_age = Some(Duration::from_millis(3_600_999));
        assert_eq!(issued(&config, hint, max_age), format!("__Host-session={HINTED}; {attributes}; Max-Age=3600"));
    }

    #[test]
    fn r24_the_cookie_for_localhost_lacks_nothing_but_secure() {
        let config = CookieConfig::insecure_for_localhost();
        assert_eq!(issued(&config, None, None), format!("session={PLAIN}; Path=/; HttpOnly; SameSite=Lax"));
    }

    #[test]
    fn a_domain_a_path_and_a_policy_are_said() {
        let expected =
            format!("__Secure-session={PLAIN}; Path=/app; Domain=shop.example; Secure; HttpOnly; SameSite=None");
        assert_eq!(issued(&wide(), None, None), expected);
    }

    #[test]
    fn r17_a_removal_repeats_everything_that_was_set() {
        let past = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        let default = format!("__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; {past}");
        assert_eq!(text(&remove(&CookieConfig::default())), default);
        let wide_removal =
            format!("__Secure-session=; Path=/app; Domain=shop.example; Secure; HttpOnly; SameSite=None; {past}");
        assert_eq!(text(&remove(&wide())), wide_removal);
        for config in [CookieConfig::default(), CookieConfig::insecure_for_localhost(), wide()] {
            assert_eq!(
                text(&remove(&config)).replace("=;", &format!("={PLAIN};")),
                format!("{}; {past}", issued(&config, None, None))
            );
        }
    }

    #[test]
    fn a_partitioned_cookie_is_set_and_removed_in_its_partition() {
        let builder = CookieConfig::builder().same_site(SameSite::None).partitioned();
        let config = builder.build().unwrap();
        let attributes = "Path=/; Secure; HttpOnly; SameSite=None; Partitioned";
        assert_eq!(issued(&config, None, None), format!("__Host-session={PLAIN}; {attributes}"));
        let past = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(text(&remove(&config)), format!("__Host-session=; {attributes}; {past}"));
    }

    #[test]
    fn r14_a_cookie_lives_at_most_400_days_and_never_zero_seconds() {
        let max_age =
            |left| issued(&CookieConfig::default(), None, Some(left)).split("; Max-Age=").nth(1).unwrap().to_owned();
        assert_eq!(max_age(Duration::MAX), "34560000");
        assert_eq!(max_age(Duration::from_secs(34_560_001)), "34560000");
        assert_eq!(max_age(Duration::from_secs(34_559_999)), "34559999");
        assert_eq!(max_age(Duration::from_millis(1_999)), "1");
        assert_eq!(max_age(Duration::ZERO), "1");
    }

    #[test]
    fn r28_the_largest_cookie_that_can_be_configured_is_4096_bytes() {
        let path = format!("/{}", "p".repeat(1023));
        let build = |length| {
            CookieConfig::builder().name("n".repeat(length)).path(path.as_str()).domain("shop.example").build()
        };
        let largest = (1..4096).filter_map(|length| build(length).ok()).next_back().unwrap();
        let with_mac = "t".repeat(crate::token::MAX_TOKEN_LEN);
        assert_eq!(issue(&largest, &with_mac, Some(Duration::MAX)).len(), 4096);
        assert!(text(&remove(&largest)).len() <= 4096);
        assert_eq!(build(largest.name().len() + 1).unwrap_err().setting(), "cookie.name");
    }

    #[test]
    fn r55_a_token_does_not_show_in_the_debug_of_its_header() {
        let presented = format!("{:?}", issue(&CookieConfig::default(), PLAIN, None));
        assert_eq!(presented, "Sensitive");
        assert!(remove(&CookieConfig::default()).is_sensitive());
    }
}
