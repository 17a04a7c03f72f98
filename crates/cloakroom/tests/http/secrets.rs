//! R35, R36: the server stores nothing that opens a session, and comparing secrets reveals nothing.

use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use cloakroom::{AmbiguityPolicy, CookieConfig, SessionLayer, TokenHeader, Transport};
use http::{HeaderMap, Request};

use crate::support::{Browser, Deployment, canonical, decode, encodings, send};

#[tokio::test]
async fn r36_a_dump_of_the_store_holds_no_secret_of_a_thousand_sessions() {
    let deployment = Deployment::shared();
    let node = deployment.node();
    let mut browsers = Vec::new();
    for number in 0..1000 {
        let mut browser = Browser::new(&node.app);
        browser.post(&format!("/note/{number}")).await.ok();
        for path in [None, Some("/login/alice"), Some("/do/renew")].into_iter().take(1 + number % 3).flatten() {
            browser.post(path).await.ok();
        }
        browsers.push(browser);
    }
    let dump = deployment.store.unwrap().dump();
    let stored = std::collections::HashSet::<&[u8]>::from_iter(dump.windows(16));
    for browser in &browsers {
        let secret = &decode(&browser.bare_token())[16..];
        assert!(!stored.contains(secret));
        for encoding in encodings(secret).iter().filter(|encoding| encoding.len() >= 16) {
            assert!(!stored.contains(&encoding[..16]));
        }
    }
}

#[tokio::test]
async fn r55_what_prints_the_headers_of_a_request_inside_of_the_layer_prints_no_token() {
    let print = async |headers: HeaderMap| format!("{headers:?}");
    let either =
        Transport::either(CookieConfig::default(), TokenHeader::default()).on_ambiguity(AmbiguityPolicy::PreferCookie);
    let bearer = Transport::bearer(TokenHeader::default());
    for (transport, hidden, printed) in [
        (Transport::default(), vec!["tokenone", "tokentwo"], vec!["bearertoken", "other"]),
        (bearer, vec!["bearertoken"], vec!["tokenone", "tokentwo", "other"]),
        (either, vec!["tokenone", "tokentwo", "bearertoken"], vec!["other"]),
    ] {
        let sessions = Deployment::local().node().sessions;
        let layer = SessionLayer::new(sessions).transport(transport);
        let app = Router::new().route("/", get(print)).layer(layer);
        let request = Request::get("/")
            .header("cookie", "__Host-session=tokenone")
            .header("cookie", "a=b; __Host-session=tokentwo")
            .header("authorization", "Bearer bearertoken")
            .header("x-header", "other");
        let body = send(&app, request.body(Body::empty()).unwrap()).await.ok().body;
        for text in hidden {
            assert!(!body.contains(text), "{text}: {body}");
        }
        for text in printed {
            assert!(body.contains(text), "{text}: {body}");
        }
    }
}

#[tokio::test]
async fn r36_what_the_store_holds_of_a_session_does_not_open_it() {
    let deployment = Deployment::shared();
    let node = deployment.node();
    let mut browser = Browser::new(&node.app);
    browser.post("/login/alice").await.ok();
    let store = deployment.store.clone().unwrap();
    let selector = store.selectors()[0];
    let record = store.record(selector).unwrap();
    let previous = record.previous.unwrap();
    for secret in [*selector.as_bytes(), *record.verifier.as_bytes(), *previous.verifier.as_bytes(), [0; 16]] {
        let forged = canonical(&[*selector.as_bytes(), secret].concat().try_into().unwrap());
        for node in [node.clone(), deployment.node()] {
            assert_eq!(Browser::holding(&node.app, forged.clone()).get("/whoami").await.ok().body, "nobody");
        }
    }
}

/// The timing measurement (`token/timing.rs`) notices only large leaks, so this test reads the
/// source: each type that proves a secret has one comparison, by `subtle`.
#[test]
fn r35_what_proves_a_secret_is_compared_by_subtle_only() {
    let source = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for proof_type in ["Verifier", "Fingerprint"] {
        let (body, derives) = equality_of(&source, proof_type);
        assert!(body.contains(".ct_eq("), "`{proof_type}` is compared by {body}");
        assert!(!body.contains("=="), "`{proof_type}` is compared by {body}");
        assert!(!derives.contains("PartialEq"), "`{proof_type}` derives its comparison");
    }
    let (_, derives) = definition(&source, "Secret");
    assert!(!derives.contains("PartialEq"), "a secret is never compared; only its proofs are");
    assert!(!source.contains("impl PartialEq for Secret"));
}

fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            Some(extension) if extension == "rs" => all += &std::fs::read_to_string(path).unwrap(),
            None if path.is_dir() => all += &sources(&path),
            _ => {}
        }
    }
    all
}

fn equality_of<'a>(source: &'a str, name: &str) -> (&'a str, &'a str) {
    let (_, after) = source.split_once(&format!("impl PartialEq for {name} {{")).unwrap();
    let body = after.split_once("\n}").unwrap().0;
    (body, definition(source, name).1)
}

/// The position of a type's definition, and its derives.
fn definition<'a>(source: &'a str, name: &str) -> (usize, &'a str) {
    let position =
        source.find(&format!("pub(crate) struct {name}(")).or(source.find(&format!("pub struct {name}("))).unwrap();
    let derives = source[..position].rfind("#[derive").unwrap();
    (position, &source[derives..position])
}

/// MACs are compared only by `hmac`, in constant time.
#[test]
fn r35_macs_are_compared_by_hmac_only() {
    let source = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/crypto"));
    let comparing = source.lines().filter(|line| line.contains("mac") && (line.contains("==") || line.contains("!=")));
    let outside_tests: Vec<_> = comparing.filter(|line| !line.contains("assert")).collect();
    assert_eq!(outside_tests, Vec::<&str>::new());
    assert_eq!(source.matches(".verify_truncated_left(").count(), 1);
}

#[test]
fn r35_verifiers_that_differ_in_any_one_bit_differ() {
    use cloakroom::store::Verifier;
    let one = [0xa5; 16];
    assert!(Verifier::from_bytes(one) == Verifier::from_bytes(one));
    for bit in 0..128 {
        let mut other = one;
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(Verifier::from_bytes(one) != Verifier::from_bytes(other), "bit {bit}");
    }
}
