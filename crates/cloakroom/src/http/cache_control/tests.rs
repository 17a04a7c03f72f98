use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Privacy, enforce};

fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn all(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// Applies `enforce` to these fields.
fn restricted(name: &HeaderName, fields: &[&str], exposure: Privacy) -> Vec<String> {
    let fields: Vec<_> = fields.iter().map(|field| (name.clone(), *field)).collect();
    let mut headers = headers(&fields);
    enforce(&mut headers, exposure, &["Cookie"]);
    all(&headers, name)
}

fn used(fields: &[&str]) -> Vec<String> {
    restricted(&CACHE_CONTROL, fields, Privacy::Used)
}

#[test]
fn r54_a_response_that_used_the_session_is_private_and_varies() {
    let mut headers = HeaderMap::new();
    enforce(&mut headers, Privacy::Used, &["Cookie"]);
    assert_eq!(all(&headers, &CACHE_CONTROL), ["private"]);
    assert_eq!(all(&headers, &VARY), ["Cookie"]);
}

#[test]
fn r54_a_response_with_a_token_is_never_stored() {
    for fields in [&[][..], &["public, max-age=60"], &["private, max-age=60"], &["no-store=1"], &["no-store, public"]] {
        assert_eq!(restricted(&CACHE_CONTROL, fields, Privacy::TokenIssued), ["no-store"], "{fields:?}");
    }
    let mut headers = HeaderMap::new();
    enforce(&mut headers, Privacy::TokenIssued, &["Cookie"]);
    assert_eq!(all(&headers, &VARY), ["Cookie"]);
}

#[test]
fn r54_what_is_strict_enough_stays_as_it_is() {
    let private = [
        "private",
        "Private",
        "no-store",
        "max-age=60, PRIVATE",
        " \tprivate\t, max-age=0 ",
        ",,private,",
        "private, private=\"set-cookie\"",
        "private, ext=\"public, s-maxage=9\"",
        "private, ext=\"a\\\", public\"",
        "private, community=\"UCI\", max-age=60",
    ];
    for field in private {
        assert_eq!(used(&[field]), [field], "{field}");
    }
    assert_eq!(used(&["max-age=60", "private"]), ["max-age=60", "private"]);
    for field in ["no-store", "private, no-store", "max-age=0, NO-STORE"] {
        assert_eq!(restricted(&CACHE_CONTROL, &[field], Privacy::TokenIssued), [field]);
    }
}

#[test]
fn r54_a_response_declared_public_keeps_its_lifetime_for_one_visitor_only() {
    let table: [(&[&str], &str); 15] = [
        (&["public, max-age=60"], "private, max-age=60"),
        (&["public", "max-age=60"], "private, max-age=60"),
        (&["max-age=60"], "private, max-age=60"),
        (&["no-cache"], "private, no-cache"),
        (&["PUBLIC"], "private"),
        (&[""], "private"),
        (&["s-maxage=60, max-age=5, immutable"], "private, max-age=5, immutable"),
        (&["private, s-maxage=60"], "private"),
        (&["private", "public"], "private"),
        (&["no-store, public"], "private, no-store"),
        (&["private=\"set-cookie\", max-age=5"], "private, max-age=5"),
        (&["x-private, private-x, not-private"], "private, x-private, private-x, not-private"),
        (&["ext=\"private\""], "private, ext=\"private\""),
        (&["ext=\"a, private, b\""], "private, ext=\"a, private, b\""),
        (&["must-understand, no-store"], "private, must-understand, no-store"),
    ];
    for (fields, expected) in table {
        assert_eq!(used(fields), [expected], "{fields:?}");
    }
}

#[test]
fn r54_what_two_caches_could_read_differently_is_replaced() {
    let malformed = [
        "private; public",
        "private public",
        "ext=\"x, private",
        "ext=\"x\\\", private",
        "private, \"",
        "private, ext=",
        "private, =1",
        "private, ext=a\"b\"",
        "private, ext=\"a\"b\"",
        "private, ext=\"a\"\"b\"",
        "private, ext=(1)",
        "pr\u{ef}vate",
    ];
    for field in malformed {
        let mut headers = headers(&[]);
        headers.insert(CACHE_CONTROL, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        enforce(&mut headers, Privacy::Used, &["Cookie"]);
        assert_eq!(all(&headers, &CACHE_CONTROL), ["private"], "{field}");
    }
}

#[test]
fn r54_vary_is_completed_and_never_repeated() {
    let vary = |fields: &[&str]| restricted(&VARY, fields, Privacy::Used);
    assert_eq!(vary(&["Accept-Encoding"]), ["Accept-Encoding", "Cookie"]);
    assert_eq!(vary(&["X-Cookie, Cookies"]), ["X-Cookie, Cookies", "Cookie"]);
    assert_eq!(vary(&[""]), ["", "Cookie"]);
    for covered in [&["Cookie"][..], &["cOOKIE"], &["Accept , cookie"], &["Accept", "Cookie"], &["*"], &["Accept, *"]] {
        assert_eq!(vary(covered), covered);
    }
    let mut twice = HeaderMap::new();
    enforce(&mut twice, Privacy::Used, &["Cookie"]);
    enforce(&mut twice, Privacy::TokenIssued, &["Cookie"]);
    assert_eq!(all(&twice, &VARY), ["Cookie"]);
    assert_eq!(all(&twice, &CACHE_CONTROL), ["no-store"]);
}

#[test]
fn r54_nothing_speaks_past_cache_control_to_shared_caches() {
    let names = [
        "cdn-cache-control",
        "some-cdn-cache-control",
        "cloudflare-cdn-cache-control",
        "netlify-cdn-cache-control",
        "vercel-cdn-cache-control",
        "akamai-cache-control",
        "x-litespeed-cache-control",
        "x-lsadc-cache-control",
        "surrogate-control",
        "x-surrogate-control",
        "edge-control",
        "x-accel-expires",
    ];
    let names = names.map(HeaderName::from_static);
    let mut headers = headers(&names.clone().map(|name| (name, "max-age=600")));
    headers.append(&names[0], HeaderValue::from_static("public"));
    enforce(&mut headers, Privacy::Used, &["Cookie"]);
    for name in &names {
        assert!(!headers.contains_key(name), "{name}");
    }
    assert_eq!(headers.len(), 2);
}

#[test]
fn headers_that_say_nothing_about_caching_stay() {
    let etag = http::header::ETAG;
    let mut headers = headers(&[(etag.clone(), "\"v1\"")]);
    enforce(&mut headers, Privacy::TokenIssued, &["Cookie"]);
    assert_eq!(all(&headers, &etag), ["\"v1\""]);
}

#[test]
fn r54_a_response_varies_by_every_field_by_which_tokens_come() {
    let varied = |said: &[(HeaderName, &str)]| {
        let mut headers = headers(said);
        enforce(&mut headers, Privacy::Used, &["Cookie", "Authorization"]);
        all(&headers, &VARY)
    };
    assert_eq!(varied(&[]), ["Cookie", "Authorization"]);
    assert_eq!(varied(&[(VARY, "accept, authorization")]), ["accept, authorization", "Cookie"]);
    assert_eq!(varied(&[(VARY, "AUTHORIZATION,cookie")]), ["AUTHORIZATION,cookie"]);
    assert_eq!(varied(&[(VARY, "*")]), ["*"]);
}
