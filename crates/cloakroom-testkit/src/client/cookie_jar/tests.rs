use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const SHOP: &str = "https://shop.example";

/// A jar with these cookies, set by the response to `path` at `origin`.
fn jar(origin: &str, path: &str, cookies: &[&str]) -> CookieJar {
    let mut jar = CookieJar::default();
    cookies.iter().for_each(|cookie| jar.store(cookie, &origin.parse().unwrap(), path, NOW));
    jar
}

fn sent(jar: &CookieJar, origin: &str, path: &str) -> String {
    sent_at(jar, origin, path, NOW)
}

fn sent_at(jar: &CookieJar, origin: &str, path: &str, now: Timestamp) -> String {
    jar.header(&origin.parse().unwrap(), path, &Method::GET, Initiator::SameSite, now).unwrap_or_default()
}

#[test]
fn a_cookie_is_sent_to_its_host_alone_unless_it_names_a_domain() {
    let jar = jar(SHOP, "/", &["a=1", "b=2; Domain=shop.example", "c=3; Domain=.SHOP.example"]);
    assert_eq!(sent(&jar, SHOP, "/"), "a=1; b=2; c=3");
    assert_eq!(sent(&jar, "https://www.shop.example", "/"), "b=2; c=3");
    assert_eq!(sent(&jar, "https://bookshop.example", "/"), "");
}

#[test]
fn a_cookie_for_a_domain_of_others_is_ignored() {
    for domain in ["other.example", "www.shop.example", "op.example"] {
        assert_eq!(sent(&jar(SHOP, "/", &[&format!("a=1; Domain={domain}")]), SHOP, "/"), "", "{domain}");
    }
    let address = "http://127.0.0.1:3000";
    assert_eq!(sent(&jar(address, "/", &["a=1; Domain=127.0.0.1"]), address, "/"), "a=1");
    assert_eq!(sent(&jar(address, "/", &["a=1; Domain=0.0.1"]), address, "/"), "");
}

#[test]
fn a_cookie_is_sent_below_its_path() {
    let jar = jar(SHOP, "/account/login", &["root=1; Path=/", "folder=2", "orders=3; Path=/account/orders"]);
    assert_eq!(sent(&jar, SHOP, "/"), "root=1");
    assert_eq!(sent(&jar, SHOP, "/account"), "folder=2; root=1");
    assert_eq!(sent(&jar, SHOP, "/accounts"), "root=1");
    assert_eq!(sent(&jar, SHOP, "/account/orders/7"), "orders=3; folder=2; root=1");
}

#[test]
fn a_secure_cookie_needs_tls_or_this_machine() {
    let secure = ["a=1; Secure"];
    assert_eq!(sent(&jar(SHOP, "/", &secure), SHOP, "/"), "a=1");
    assert_eq!(sent(&jar(SHOP, "/", &secure), "http://shop.example", "/"), "");
    assert_eq!(sent(&jar("http://shop.example", "/", &secure), SHOP, "/"), "");
    for here in ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:80", "http://app.localhost"] {
        assert_eq!(sent(&jar(here, "/", &secure), here, "/"), "a=1", "{here}");
    }
}

#[test]
fn a_page_over_plain_http_does_not_replace_a_secure_cookie() {
    let mut jar = jar(SHOP, "/", &["a=1; Secure"]);
    jar.store("a=2", &"http://shop.example".parse().unwrap(), "/", NOW);
    assert_eq!(sent(&jar, SHOP, "/"), "a=1");
}

#[test]
fn a_name_with_a_prefix_is_a_promise() {
    for (cookie, expected) in [
        ("__Host-a=1; Secure; Path=/", "__Host-a=1"),
        ("__Host-a=1; Path=/", ""),
        ("__Host-a=1; Secure; Path=/x", ""),
        ("__Host-a=1; Secure; Path=/; Domain=shop.example", ""),
        ("__host-a=1; Path=/", ""),
        ("__Secure-a=1; Secure; Domain=shop.example", "__Secure-a=1"),
        ("__Secure-a=1", ""),
    ] {
        assert_eq!(sent(&jar(SHOP, "/", &[cookie]), SHOP, "/"), expected, "{cookie}");
    }
}

#[test]
fn another_site_sends_what_same_site_lets_pass() {
    let all = jar(
        SHOP,
        "/",
        &["lax=1; SameSite=Lax", "strict=2; SameSite=Strict", "none=3; SameSite=None; Secure", "plain=4"],
    );
    let by = |method, initiator| all.header(&SHOP.parse().unwrap(), "/", &method, initiator, NOW).unwrap_or_default();
    assert_eq!(by(Method::POST, Initiator::SameSite), "lax=1; strict=2; none=3; plain=4");
    assert_eq!(by(Method::GET, Initiator::OtherSite), "lax=1; none=3; plain=4");
    assert_eq!(by(Method::POST, Initiator::OtherSite), "none=3");
    assert_eq!(sent(&jar(SHOP, "/", &["none=3; SameSite=None"]), SHOP, "/"), "");
}

#[test]
fn a_cookie_ends_when_its_lifetime_is_over() {
    let jar = jar(SHOP, "/", &["a=1; Max-Age=60", "b=2; Expires=Thu, 01 Jan 2026 00:02:00 GMT", "c=3"]);
    let in_seconds = |seconds| sent_at(&jar, SHOP, "/", NOW.after(Duration::from_secs(seconds)));
    assert_eq!(in_seconds(59), "a=1; b=2; c=3");
    assert_eq!(in_seconds(60), "b=2; c=3");
    assert_eq!(in_seconds(120), "c=3");
}

#[test]
fn no_cookie_outlives_400_days() {
    let jar = jar(SHOP, "/", &["a=1; Max-Age=99999999999", "b=2; Expires=Fri, 01 Jan 2100 00:00:00 GMT"]);
    assert_eq!(sent_at(&jar, SHOP, "/", NOW.after(MAX_LIFETIME - Duration::from_secs(1))), "a=1; b=2");
    assert_eq!(sent_at(&jar, SHOP, "/", NOW.after(MAX_LIFETIME)), "");
}

#[test]
fn max_age_is_stronger_than_expires() {
    let past = "Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(sent(&jar(SHOP, "/", &[&format!("a=1; Max-Age=60; {past}")]), SHOP, "/"), "a=1");
}

#[test]
fn a_cookie_of_the_past_removes_the_one_that_it_names() {
    for removal in ["a=; Max-Age=0", "a=; Max-Age=-1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
        assert_eq!(sent(&jar(SHOP, "/", &["a=1", removal]), SHOP, "/"), "", "{removal}");
    }
    assert_eq!(sent(&jar(SHOP, "/", &["a=1; Path=/x", "a=; Max-Age=0"]), SHOP, "/x"), "a=1", "another path");
}

#[test]
fn a_cookie_replaces_one_of_the_same_name_domain_and_path() {
    assert_eq!(sent(&jar(SHOP, "/", &["a=1", "b=2", "a=3"]), SHOP, "/"), "a=3; b=2");
    assert_eq!(sent(&jar(SHOP, "/", &["a=1", "a=2; Domain=shop.example"]), SHOP, "/"), "a=1; a=2");
}

#[test]
fn a_cookie_that_is_too_long_is_ignored() {
    let (fits, exceeds) = ("v".repeat(MAX_BYTES - 1), "v".repeat(MAX_BYTES));
    assert_eq!(sent(&jar(SHOP, "/", &[&format!("a={fits}")]), SHOP, "/").len(), MAX_BYTES + 1);
    assert_eq!(sent(&jar(SHOP, "/", &[&format!("a={exceeds}")]), SHOP, "/"), "");
}

#[test]
fn cookies_without_a_lifetime_end_with_the_browser() {
    let mut jar = jar(SHOP, "/", &["a=1; Max-Age=60", "b=2"]);
    jar.end_session();
    assert_eq!(sent(&jar, SHOP, "/"), "a=1");
}
