//! R26, R27, R29: in any `Cookie` header, only the session cookie counts, at bounded cost.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use cloakroom::Stats;
use cloakroom_testkit::{MemoryStore, SpyStore, Verb};
use http::header::COOKIE as COOKIE_HEADER;
use http::{HeaderValue, Request, StatusCode};

use crate::corpus::cookie_headers::{Case, Expected, cases};
use crate::support::{Browser, Deployment, Node, Reply, send, unissued_token};

/// A request with these `Cookie` fields; `None` if no server would accept them.
fn request(path: &str, fields: &[Vec<u8>]) -> Option<Request<Body>> {
    let mut request = Request::builder().uri(path);
    for field in fields {
        request = request.header(COOKIE_HEADER, HeaderValue::from_bytes(field).ok()?);
    }
    request.body(Body::empty()).ok()
}

async fn ask(app: &Router, path: &str, fields: &[Vec<u8>]) -> Option<Reply> {
    Some(send(app, request(path, fields)?).await)
}

/// The counter of rejected tokens that a request increased.
fn counter_moved(before: &Stats, after: &Stats) -> Expected {
    let changes = [
        (after.tokens_malformed - before.tokens_malformed, Expected::Malformed),
        (after.tokens_unknown - before.tokens_unknown, Expected::Unknown),
        (after.cookies_ambiguous - before.cookies_ambiguous, Expected::Ambiguous),
        (after.cookies_oversized - before.cookies_oversized, Expected::Oversized),
    ];
    assert!(changes.iter().map(|(times, _)| times).sum::<u64>() <= 1, "{changes:?}");
    changes.iter().find(|(times, _)| *times == 1).map_or(Expected::Absent, |(_, kind)| *kind)
}

#[tokio::test]
async fn r26_a_corpus_of_hostile_headers_opens_no_session_and_sets_no_cookie() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut owner = Browser::new(&node.app);
        owner.post("/login/victim").await.ok();
        owner.post("/note/secret").await.ok();
        let cases = cases(&owner.bare_token());
        assert!(cases.len() >= 200, "{}", cases.len());
        for Case { why, fields, expected } in &cases {
            let before = node.sessions.stats();
            let Some(reply) = ask(&node.app, "/note", fields).await else {
                assert_eq!(*expected, Expected::Refused, "{why}");
                continue;
            };
            let reply = reply.ok();
            let live = *expected == Expected::Live;
            assert_eq!(reply.body, if live { "secret" } else { "nothing" }, "{why}");
            let has_new_hint = deployment.store.is_some() && live;
            assert!(reply.set_cookie().is_none() || has_new_hint, "{why}");
            if !live {
                assert_eq!(counter_moved(&before, &node.sessions.stats()), *expected, "{why}");
            }
        }
        assert_eq!(owner.get("/whoami").await.ok().body, "victim");
        assert_eq!(deployment.session_count(&node), 1);
    }
}

#[tokio::test]
async fn r26_a_hostile_header_never_gives_a_write_the_session_of_its_token() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut owner = Browser::new(&node.app);
        owner.post("/login/victim").await.ok();
        owner.post("/note/secret").await.ok();
        for Case { why, fields, expected } in cases(&owner.bare_token()) {
            if expected == Expected::Live {
                continue;
            }
            for path in ["/note/evil", "/do/destroy", "/do/renew", "/do/remember", "/login/mallory"] {
                ask(&node.app, path, &fields).await;
            }
            assert_eq!(owner.get("/whoami").await.ok().body, "victim", "{why}");
            assert_eq!(owner.get("/note").await.ok().body, "secret", "{why}");
        }
    }
}

#[tokio::test]
async fn r27_two_different_cookies_are_nobodys_and_the_same_twice_is_one() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut owner = Browser::new(&node.app);
        owner.post("/note/mine").await.ok();
        let good = format!("__Host-session={}", owner.bare_token());
        let evil = format!("__Host-session={}", unissued_token(1));
        let mut events = node.sessions.events();
        let field = |parts: &[&str]| vec![parts.join("; ").into_bytes()];
        let two_fields = |a: &str, b: &str| vec![a.as_bytes().to_vec(), b.as_bytes().to_vec()];
        let hostile =
            [field(&[&good, &evil]), field(&[&evil, &good]), two_fields(&good, &evil), two_fields(&evil, &good)];
        for fields in hostile {
            for path in ["/note", "/do/destroy", "/do/renew"] {
                let reply = ask(&node.app, path, &fields).await.unwrap();
                assert_eq!(reply.status == StatusCode::OK, path == "/note", "{path}");
                assert_eq!(reply.set_cookie(), None, "{path}: nothing is overwritten");
                let event = events.try_recv().unwrap();
                assert_eq!(event.kind, cloakroom::EventKind::CookiesAmbiguous);
                assert!(events.try_recv().is_none());
            }
            assert_eq!(ask(&node.app, "/note", &fields).await.unwrap().body, "nothing");
            drop(events.try_recv());
        }
        for fields in [field(&[&good, &good]), two_fields(&good, &good)] {
            assert_eq!(ask(&node.app, "/note", &fields).await.unwrap().ok().body, "mine");
            assert!(events.try_recv().is_none());
        }
    }
}

#[tokio::test]
async fn r29_a_header_bomb_costs_little_and_no_lookup() {
    let store = SpyStore::new(MemoryStore::new());
    let node = Node::new(crate::support::recorded().store(store.clone()));
    let mut owner = Browser::new(&node.app);
    owner.post("/note/mine").await.ok();
    drop(store.take_calls());
    let mut oversized = vec![format!("__Host-session={}", owner.bare_token()).into_bytes()];
    oversized.extend(vec![vec![b'x'; 4096]; 100]);
    let pairs = [b"__Host-session=x; ".repeat(10_000)];
    for fields in [&oversized[..], &pairs[..]] {
        assert_eq!(ask(&node.app, "/note", fields).await.unwrap().ok().body, "nothing");
        assert!(store.take_calls().is_empty());
        // The fastest run measures the work; the slower ones measure what else the machine does.
        let mut fastest = Duration::MAX;
        for _ in 0..50 {
            let request = request("/untouched", fields).unwrap();
            let started = Instant::now();
            send(&node.app, request).await.ok();
            fastest = fastest.min(started.elapsed());
        }
        assert!(fastest < Duration::from_millis(1), "{fastest:?}");
    }
    assert_eq!(node.sessions.stats().cookies_oversized, 102);
}

#[tokio::test]
async fn r29_one_request_costs_one_lookup_at_most() {
    let store = SpyStore::new(MemoryStore::new());
    let node = Node::new(crate::support::recorded().store(store.clone()));
    for (path, max_loads) in [("/untouched", 0), ("/note", 1), ("/do/destroy", 1), ("/do/load", 1)] {
        drop(store.take_calls());
        Browser::holding(&node.app, unissued_token(7)).get(path).await.ok();
        assert!(store.count(Verb::Load) <= max_loads, "{path}: {:?}", store.calls());
        assert_eq!(store.calls().len(), store.count(Verb::Load), "{path}");
    }
}
