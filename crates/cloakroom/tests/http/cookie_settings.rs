//! R25: a cookie that browsers would reject, or that would not protect, is rejected at startup.

use cloakroom::{ConfigError, CookieConfig, SameSite};

type Outcome = Result<CookieConfig, ConfigError>;

fn rejected_settings() -> Vec<(&'static str, &'static str, Outcome)> {
    let builder = CookieConfig::builder;
    let insecure = || builder().name("id").insecure_for_localhost();
    vec![
        ("__Host- with a domain", "domain", builder().name("__Host-id").domain("shop.example").build()),
        ("__Host- with a path", "path", builder().name("__Host-id").path("/app").build()),
        ("__Host- without Secure", "name", builder().name("__Host-id").insecure_for_localhost().build()),
        ("__host- without Secure", "name", builder().name("__host-id").insecure_for_localhost().build()),
        ("__HOST- without Secure", "name", builder().name("__HOST-id").insecure_for_localhost().build()),
        ("__Secure- without Secure", "name", builder().name("__Secure-id").insecure_for_localhost().build()),
        ("__sEcUrE- without Secure", "name", builder().name("__sEcUrE-id").insecure_for_localhost().build()),
        ("__Http- without Secure", "name", builder().name("__Http-id").insecure_for_localhost().build()),
        ("__Host-Http- with a domain", "domain", builder().name("__Host-Http-id").domain("shop.example").build()),
        ("a misspelt prefix", "name", builder().name("Host__id").domain("shop.example").build()),
        ("no SameSite without Secure", "same_site", insecure().same_site(SameSite::None).build()),
        ("an empty name", "name", builder().name("").build()),
        ("a space in the name", "name", builder().name("my id").build()),
        ("a semicolon in the name", "name", builder().name("id;Domain=evil").build()),
        ("an equals sign in the name", "name", builder().name("id=x").build()),
        ("a line break in the name", "name", builder().name("id\r\nSet-Cookie: a=b").build()),
        ("a name that is not ASCII", "name", builder().name("sitzung-ü").build()),
        ("a name of 5000 letters", "name", builder().name("n".repeat(5000)).build()),
        ("a semicolon in the path", "path", builder().name("id").path("/; Domain=evil").build()),
        ("a path without a slash", "path", builder().name("id").path("app").build()),
        ("a path of 2000 letters", "path", builder().name("id").path(format!("/{}", "p".repeat(2000))).build()),
        ("an empty domain", "domain", builder().name("id").domain("").build()),
        ("a semicolon in the domain", "domain", builder().name("id").domain("shop.example; Path=/x").build()),
        ("a domain with a scheme", "domain", builder().name("id").domain("https://shop.example").build()),
    ]
}

#[test]
fn r25_twenty_settings_that_contradict_each_other_are_refused_and_named() {
    let table = rejected_settings();
    assert!(table.len() >= 20);
    for (why, setting, outcome) in table {
        let error = outcome.err().unwrap_or_else(|| panic!("{why} was accepted"));
        assert_eq!(error.setting(), format!("cookie.{setting}"), "{why}: {error}");
        assert!(error.to_string().contains(error.setting()), "{why}: {error}");
    }
}

#[test]
fn r25_settings_that_fit_together_are_not_refused() {
    let builder = CookieConfig::builder;
    for config in [
        builder().build(),
        builder().same_site(SameSite::None).build(),
        builder().domain("shop.example").build(),
        builder().name("id").path("/app").build(),
        builder().name("id").insecure_for_localhost().build(),
    ] {
        assert!(config.is_ok(), "{config:?}");
    }
    assert_eq!(builder().build().unwrap(), CookieConfig::default());
}
