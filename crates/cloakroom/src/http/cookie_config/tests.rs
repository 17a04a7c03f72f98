use super::{CookieConfig, CookieConfigBuilder, SameSite};

fn builder() -> CookieConfigBuilder {
    CookieConfig::builder()
}

fn named(name: &str) -> CookieConfigBuilder {
    builder().name(name)
}

fn below(domain: &str) -> CookieConfigBuilder {
    builder().domain(domain)
}

fn insecure(name: &str) -> CookieConfigBuilder {
    named(name).insecure_for_localhost()
}

#[test]
fn r25_what_browsers_refuse_is_refused_with_the_setting_and_the_remedy() {
    let table = [
        (named(""), "name", "leave it out"),
        (named("my session"), "name", "' '"),
        (named("session=1"), "name", "'='"),
        (named("session;"), "name", "';'"),
        (named("sess\u{131}on"), "name", "ASCII"),
        (named("session\r\nSet-Cookie: x"), "name", "ASCII"),
        (named("\u{2003}__Host-session"), "name", "ASCII"),
        (named("__Host-"), "name", "`__Host-session`"),
        (named("__Host-Http-"), "name", "`__Host-Http-session`"),
        (named("Host__session"), "name", "`__Host-`"),
        (named("__Host_session"), "name", "`__Host-`"),
        (named("_Host-session"), "name", "`__Host-`"),
        (named("__HostSession"), "name", "`__Host-`"),
        (named("Host-session"), "name", "`__Host-`"),
        (named("__host-session"), "name", "`__Host-`"),
        (named("__SECURE-session"), "name", "`__Secure-`"),
        (named("__http-session"), "name", "`__Http-`"),
        (insecure("__Host-session"), "name", "insecure_for_localhost"),
        (insecure("__Secure-session"), "name", "insecure_for_localhost"),
        (insecure("__Http-session"), "name", "insecure_for_localhost"),
        (insecure("__Host-Http-session"), "name", "insecure_for_localhost"),
        (insecure("__sEcUrE-session"), "name", "`__Secure-`"),
        (named("__Host-session").domain("shop.example"), "domain", "leave it out"),
        (builder().partitioned(), "partitioned", "SameSite=Lax"),
        (builder().partitioned().same_site(SameSite::Strict), "partitioned", "SameSite::None"),
        (insecure("session").partitioned().same_site(SameSite::None), "partitioned", "needs `Secure`"),
        (below("0x7f.0.0.0x1"), "domain", "is the address"),
        (below("127.0X1"), "domain", "is the address"),
        (below("0177.0.0.01"), "domain", "is the address"),
        (below("2130706433"), "domain", "is the address"),
        (below("0x7f000001"), "domain", "is the address"),
        (below("shop.0x"), "domain", "is the address"),
        (below("127.0.0.1."), "domain", "is the address"),
        (below("::ffff:127.0.0.1"), "domain", "is the address"),
        (below("[::1]"), "domain", "without a scheme"),
        (below("%31%32%37.0.0.1%2e"), "domain", "without a scheme"),
        (below("\u{ff11}27.0.0.\u{ff11}"), "domain", "without a scheme"),
        (below("com"), "domain", "top-level"),
        (named("__Host-Http-session").domain("shop.example"), "domain", "leave it out"),
        (named("__Host-session").path("/shop"), "path", "must be `/`"),
        (named("__Host-session").path(""), "path", "must be `/`"),
        (named("__Host-session").domain("shop.example").path("/shop"), "domain", "leave it out"),
        (insecure("session").domain("shop.example"), "domain", "leave out one"),
        (insecure("session").same_site(SameSite::None), "same_site", "`Lax` or `Strict`"),
        (below(""), "domain", "shop.example"),
        (below(".shop.example"), "domain", "dots around"),
        (below("shop.example."), "domain", "dots around"),
        (below("shop..example"), "domain", "shop.example"),
        (below("https://shop.example"), "domain", "scheme"),
        (below("shop.example:8080"), "domain", "port"),
        (below("shop.example; Secure"), "domain", "spaces"),
        (below("shop.\u{fc}ber"), "domain", "xn--"),
        (below("-shop.example"), "domain", "shop.example"),
        (below("example"), "domain", "top-level"),
        (below("192.0.2.7"), "domain", "address"),
        (below("0300.1"), "domain", "address"),
        (below("2001:db8::1"), "domain", "address"),
        (below(&format!("{}.example", "a".repeat(64))), "domain", "shop.example"),
        (below(&format!("{}example", "a.".repeat(128))), "domain", "shop.example"),
        (builder().path(""), "path", "must begin with `/`"),
        (builder().path("shop"), "path", "must begin with `/`"),
        (builder().path("/shop; Domain=shop.example"), "path", "';'"),
        (builder().path("/shop\r\n"), "path", "'\\r'"),
        (builder().path("/shop\u{7f}"), "path", "'\\u{7f}'"),
        (builder().path("/sch\u{f6}n"), "path", "hexadecimal"),
        (builder().path("/shop?x"), "path", "`?`"),
        (builder().path(format!("/{}", "p".repeat(1024))), "path", "1024"),
        (named(&"n".repeat(4096)), "name", "4096"),
    ];
    for (builder, setting, remedy) in table {
        let error = builder.clone().build().expect_err(&format!("{builder:?} must be refused"));
        let setting = format!("cookie.{setting}");
        assert_eq!(error.setting(), setting);
        let text = error.to_string();
        assert!(text.starts_with(&format!("`{setting}` ")) && text.contains(remedy), "{text}");
    }
}

#[cfg(feature = "public-suffix")]
#[test]
fn r25_a_domain_below_which_anybody_can_have_a_host_is_refused() {
    for domain in ["co.uk", "any.ck", "github.io", "GitHub.IO", "fly.dev", "s3.amazonaws.com", "xn--55qx5d.cn"] {
        let error = below(domain).build().expect_err(domain).to_string();
        let refused = format!("`cookie.domain` is `{domain}`, below which anybody can have a host");
        assert!(error.starts_with(&refused) && error.ends_with("or name a domain of your own below it"), "{error}");
    }
    for domain in ["example.co.uk", "www.ck", "shop.github.io", "a.any.ck", "shop.example", "shop.internal"] {
        below(domain).build().expect(domain);
    }
}

#[test]
fn r25_what_browsers_accept_is_accepted() {
    let table = [
        builder(),
        named("__Host-session").path("/"),
        named("__Host-Http-session"),
        named("__Http-session").domain("shop.example").path("/shop"),
        named("__Secure-session").domain("a.b.shop.example"),
        named("__session").path("/"),
        named("hosting"),
        named("http_session"),
        insecure("session").path("/shop").persistent(),
        builder().same_site(SameSite::None),
        builder().same_site(SameSite::Strict).persistent(),
        builder().path(format!("/{}", "p".repeat(1023))),
        below("xn--bcher-kva.example"),
    ];
    for builder in table {
        let built = builder.clone().build();
        assert!(built.is_ok(), "{builder:?}: {built:?}");
    }
}

#[test]
fn r24_the_default_name_has_the_strongest_prefix_that_the_settings_allow() {
    let name = |builder: CookieConfigBuilder| builder.build().unwrap().name().to_owned();
    assert_eq!(name(builder()), "__Host-session");
    assert_eq!(name(builder().path("/")), "__Host-session");
    assert_eq!(name(builder().path("/shop")), "__Secure-session");
    assert_eq!(name(below("shop.example")), "__Secure-session");
    assert_eq!(name(builder().insecure_for_localhost()), "session");
}

#[test]
fn the_ready_made_cookies_are_what_the_builder_makes() {
    assert_eq!(CookieConfig::default(), builder().build().unwrap());
    assert_eq!(CookieConfig::insecure_for_localhost(), builder().insecure_for_localhost().build().unwrap());
}

#[test]
fn a_cookie_is_persistent_only_if_asked_for() {
    assert!(!CookieConfig::default().is_persistent());
    assert!(builder().persistent().build().unwrap().is_persistent());
}
