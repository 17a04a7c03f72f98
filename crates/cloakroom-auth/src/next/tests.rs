use proptest::prelude::*;
use url::Url;

use super::*;
use corpus::pages::{HARMLESS, HOSTILE};

#[path = "../../tests/corpus/mod.rs"]
mod corpus;

const SITE: &str = "https://shop.example";

/// Where a browser goes for a `Location` with this text on a page of the site.
fn destination(text: &str) -> Option<Url> {
    Url::parse(&format!("{SITE}/login")).unwrap().join(text).ok()
}

#[test]
fn r71_pages_of_this_site_are_accepted_unchanged() {
    for (page, what) in HARMLESS {
        assert_eq!(Next::parse(page).path(), Some(*page), "{what}");
        assert_eq!(destination(page).unwrap().origin(), Url::parse(SITE).unwrap().origin());
    }
    let longest = format!("/{}", "a".repeat(MAX_LENGTH - 1));
    assert_eq!(Next::parse(&longest).path(), Some(longest.as_str()));
}

#[test]
fn r71_everything_that_may_lead_elsewhere_counts_as_none() {
    for (attack, what) in HOSTILE {
        assert_eq!(Next::parse(attack).path(), None, "{what}");
    }
    let too_long = format!("/{}", "a".repeat(MAX_LENGTH));
    assert_eq!(Next::parse(&too_long).path(), None);
}

#[test]
fn r71_two_parameters_and_the_login_page_itself_count_as_none() {
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
fn r71_the_address_of_the_login_page_leads_back_to_the_same_page() {
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
    fn r71_an_accepted_page_is_on_this_site_and_nothing_normalises_it(text in hostile()) {
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
    fn r71_arbitrary_text_is_accepted_only_if_it_stays_on_this_site(text in any::<String>(), tail in "[ -~]{0,40}") {
        for text in [text.clone(), format!("/{text}"), format!("/{tail}")] {
            if let Some(page) = Next::parse(&text).path() {
                prop_assert_eq!(destination(page).unwrap().origin(), Url::parse(SITE).unwrap().origin());
            }
            let _ = Next::from_query(&text);
        }
    }
}
