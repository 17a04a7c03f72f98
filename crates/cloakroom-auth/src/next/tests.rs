use proptest::prelude::*;
use url::Url;

use super::*;

const SITE: &str = "https://shop.example";

/// Where a browser goes for a `Location` with this text on a page of the site.
fn destination(text: &str) -> Option<Url> {
    Url::parse(&format!("{SITE}/login")).unwrap().join(text).ok()
}

#[test]
fn pages_of_this_site_are_accepted_unchanged() {
    for page in [
        "/",
        "/cart",
        "/cart/",
        "/items/17?size=xl&colour=blue",
        "/search?q=https%3A%2F%2Fevil.example%2F",
        "/search?q=a//b&back=/x",
        "/a%20b/%C3%A9",
        "/@ada",
        "/user:17;v=1,2(3)'!*$+=~_-.",
        "/login/help",
        "/javascript:alert(1)",
        "/.well-known/x",
        "/a..b/...",
    ] {
        assert_eq!(Next::parse(page).path(), Some(page));
        assert_eq!(destination(page).unwrap().origin(), Url::parse(SITE).unwrap().origin());
    }
    let longest = format!("/{}", "a".repeat(MAX_LENGTH - 1));
    assert_eq!(Next::parse(&longest).path(), Some(longest.as_str()));
}

#[test]
fn everything_that_may_lead_elsewhere_counts_as_none() {
    let too_long = format!("/{}", "a".repeat(MAX_LENGTH));
    for attack in [
        "",
        " /cart",
        "/cart ",
        "cart",
        "?next=/cart",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/a\\..\\..\\evil.example",
        "https:",
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example",
        "HTTPS://evil.example",
        "http:///evil.example",
        "//user@evil.example",
        "https://shop.example@evil.example",
        "https://shop.example.evil.example/",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "%2f%2fevil.example",
        "/%2f%2fevil.example",
        "/%2Fevil.example",
        "/%5cevil.example",
        "/%5C%5Cevil.example",
        "/%252f%252fevil.example",
        "/a/%2e%2e//evil.example",
        "/..//evil.example",
        "/../x",
        "/./x",
        "/%2e/x",
        "/%2E%2e/x",
        "/.%2e",
        "/a//evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "\t//evil.example",
        "/cart\r\nSet-Cookie: session=x",
        "/%0d%0aSet-Cookie:%20session=x",
        "/%00",
        "/%7f",
        "/\u{0}",
        "/\u{7f}",
        "/\u{ff0f}evil.example",
        "/\u{2044}evil.example",
        "/\u{202e}",
        "/café",
        "/%",
        "/%4",
        "/%zz",
        "/%+1",
        "/a#b",
        "/a?b#c",
        "/a?b\\c",
        "/\"><script>",
        &too_long,
    ] {
        assert_eq!(Next::parse(attack).path(), None, "{attack:?}");
    }
}

#[test]
fn two_parameters_and_the_login_page_itself_count_as_none() {
    let read = |query| Next::from_query(query).unless_at(Some("/login"));
    assert_eq!(read("next=%2Fcart%3Fa%3Db").path(), Some("/cart?a=b"));
    assert_eq!(read("a=b&next=/cart&c").path(), Some("/cart"));
    for query in ["", "next", "next=", "Next=/cart", "next=/cart&next=/cart", "next=/cart&next=//evil.example"] {
        assert_eq!(read(query).path(), None, "{query}");
    }
    for query in ["next=/login", "next=/login/", "next=/LOGIN", "next=/login?next=/login", "next=%2flogin%3Fnext=/x"] {
        assert_eq!(read(query).path(), None, "{query}");
    }
    assert_eq!(read("next=/login-help").path(), Some("/login-help"));
}

#[test]
fn the_address_of_the_login_page_leads_back_to_the_same_page() {
    for page in ["/", "/items/17?size=xl&colour=a+b%26", "/a%20b"] {
        let address = login_address("/login", Some(page));
        let (path, query) = address.split_once('?').unwrap();
        assert_eq!(path, "/login");
        assert_eq!(Next::from_query(query).path(), Some(page));
    }
    assert_eq!(login_address("/login", None), "/login");
    assert_eq!(login_address("/login", Some("//evil.example")), "/login");
}

/// Text made of what parsers of addresses treat specially.
fn hostile() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "/",
        "//",
        "\\",
        ".",
        "..",
        "%2e",
        "%2f",
        "%5c",
        "%25",
        "%00",
        "%0d%0a",
        "\t",
        "\r",
        "\n",
        "\u{0}",
        " ",
        ":",
        "@",
        "?",
        "#",
        "https:",
        "javascript:",
        "evil.example",
        "user",
        "a",
        "é",
        "\u{ff0f}",
        "%",
        "%4",
        ";",
        "&",
        "=",
        "[",
        "]",
        "|",
    ]);
    prop::collection::vec(parts, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn an_accepted_page_is_on_this_site_and_nothing_normalises_it(text in hostile()) {
        let slashed = format!("/{text}");
        for text in [text, slashed] {
            if let Some(page) = Next::parse(&text).path() {
                prop_assert_eq!(page, &text);
                let reached = destination(page).unwrap();
                prop_assert_eq!(reached.origin(), Url::parse(SITE).unwrap().origin());
                prop_assert_eq!(reached.path(), page.split('?').next().unwrap());
                prop_assert!(http::HeaderValue::try_from(page).is_ok());
            }
        }
    }

    #[test]
    fn arbitrary_text_is_accepted_only_if_it_stays_on_this_site(text in any::<String>(), tail in "[ -~]{0,40}") {
        for text in [text.clone(), format!("/{text}"), format!("/{tail}")] {
            if let Some(page) = Next::parse(&text).path() {
                prop_assert_eq!(destination(page).unwrap().origin(), Url::parse(SITE).unwrap().origin());
            }
            let _ = Next::from_query(&text);
        }
    }
}
