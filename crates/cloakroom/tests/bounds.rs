//! R29, R32, R33, R58: what an attacker can make a process spend, counted in allocations and bytes.
//!
//! `cargo test -p cloakroom --test bounds -- --nocapture` prints the figures.

#[path = "model/visitor.rs"]
mod visitor;

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use cloakroom::store::{Payload, StoredValue, Tag};
use cloakroom::testkit::{ManualClock, MemoryStore};
use cloakroom::{CookieConfig, Session, SessionErrorKind, SessionLayer, SessionValue, Sessions};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Request, Response};
use serde::{Deserialize, Serialize};
use tower::{Layer, Service, service_fn};

use visitor::Visitor;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Note(String);
impl SessionValue for Note {
    const KEY: &'static str = "note";
}

/// Its allocations are counted per thread, so everything runs on this one.
fn on_this_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(work)
}

/// What a request with these headers costs before anybody has asked for its session.
fn cost_of(sessions: &Sessions, headers: &HeaderMap) -> AllocationInfo {
    let layer = SessionLayer::new(sessions.clone()).cookie(CookieConfig::insecure_for_localhost());
    let handler = |_: Request<()>| std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(())));
    let mut service = layer.layer(service_fn(handler));
    let mut request = Request::new(());
    request.headers_mut().clone_from(headers);
    let mut request = Some(request);
    measure(|| {
        let answer = on_this_thread(service.call(request.take().expect("once")));
        drop(answer);
    })
}

fn cookies(fields: impl IntoIterator<Item = Vec<u8>>) -> HeaderMap {
    let field = |field| (COOKIE, HeaderValue::from_maybe_shared(field).expect("no control characters"));
    let mut headers = HeaderMap::new();
    for (name, value) in fields.into_iter().map(field) {
        headers.append(name, value);
    }
    headers
}

#[test]
fn r29_a_header_bomb_is_read_without_setting_anything_aside() {
    let sessions = Sessions::in_memory();
    // The first request of a thread sets up what all later ones use.
    cost_of(&sessions, &HeaderMap::new());
    let plain = cost_of(&sessions, &HeaderMap::new());
    let bombs = [
        ("100 fields of 4 KiB", cookies(vec![vec![b'x'; 4096]; 100])),
        ("10 000 pairs of our name", cookies([b"session=x; ".repeat(10_000)])),
        ("1 MiB of semicolons", cookies([vec![b';'; 1 << 20]])),
        ("1 MiB in one value", cookies([[b"session=".to_vec(), vec![b'A'; 1 << 20]].concat()])),
        ("5000 fields with a token each", cookies(vec![[&b"session="[..], &[b'A'; 43]].concat(); 5000])),
    ];
    for (what, headers) in bombs {
        let bomb = cost_of(&sessions, &headers);
        println!(
            "{what}: {} allocations, {} bytes; without: {}, {}",
            bomb.count_total, bomb.bytes_total, plain.count_total, plain.bytes_total
        );
        assert!(bomb.count_total <= plain.count_total + 2, "{what}: {bomb:?}");
        assert!(bomb.bytes_total <= plain.bytes_total + 1024, "{what}: {bomb:?}");
    }
}

#[test]
fn r32_a_flood_of_ten_times_the_memory_takes_no_more_than_the_memory() {
    const ROOM: u64 = 16 << 20;
    const USERS: usize = 1000;
    let clock = ManualClock::new();
    let sessions = Sessions::builder().clock(clock.clone()).max_bytes(ROOM).build().expect("valid");
    let users: Vec<_> = (0..USERS).map(|_| Visitor::default()).collect();
    let mut strangers = 0_u64;
    let spent = measure(|| {
        on_this_thread(async {
            for (number, user) in users.iter().enumerate() {
                let visit = user.enter(&sessions);
                visit.login(number.to_string()).await.expect("there is room");
                visit.leave().await;
            }
            let value = "x".repeat(1000);
            while strangers * 1000 < 10 * ROOM {
                let visit = Visitor::default().enter(&sessions);
                visit.set(Note(value.clone())).await.expect("somebody older goes");
                visit.leave().await;
                strangers += 1;
                if strangers.is_multiple_of(1000) {
                    clock.advance(Duration::from_millis(100));
                    sessions.run_due().await;
                }
            }
        });
    });
    let stats = sessions.stats();
    println!(
        "{strangers} sessions of strangers in room for {ROOM} bytes: {} counted, {} held at most, {} evicted",
        stats.bytes, spent.bytes_max, stats.ended_evicted
    );
    assert!(stats.bytes <= ROOM, "{stats:?}");
    // What is counted leaves out what an allocator rounds up to, and tables that have room to grow.
    assert!(spent.bytes_max < ROOM * 3 / 2, "{spent:?}");
    on_this_thread(async {
        for (number, user) in users.iter().enumerate() {
            let visit = user.enter(&sessions);
            assert_eq!(visit.principal().await.expect("no fault").expect("logged in").as_str(), number.to_string());
            visit.leave().await;
        }
    });
}

#[test]
fn r33_an_oversize_record_is_refused_before_anything_is_made_of_it() {
    const HUGE: usize = 64 << 20;
    on_this_thread(async {
        let store = MemoryStore::new();
        let owner = Sessions::builder().store(store.node()).build().expect("valid");
        let alice = Visitor::default();
        let visit = alice.enter(&owner);
        visit.set(Note("mine".into())).await.expect("there is room");
        visit.leave().await;
        let tag: Tag = store.tags()[0];
        let mut record = store.record(tag).expect("it is there");
        let huge: Arc<[u8]> = vec![b'1'; HUGE].into();
        record.values = vec![StoredValue::new("note".into(), record.version, None, Payload::Present(huge))];
        store.roll_back(tag, record);
        let other = Sessions::builder().store(store.node()).build().expect("valid");
        let token = alice.cookie().map(|cookie| cookie.split('.').next().unwrap_or_default().to_owned());
        let visit = Visitor::with_cookie(token).enter(&other);
        let session: Session = (*visit).clone();
        let mut outcome = None;
        let spent = measure(|| {
            let mut read = std::pin::pin!(session.get::<Note>());
            // The store is in memory and answers at once.
            while outcome.is_none() {
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                if let std::task::Poll::Ready(answer) = read.as_mut().poll(&mut context) {
                    outcome = Some(answer);
                }
            }
        });
        println!("a record of {HUGE} bytes: {} bytes allocated to refuse it", spent.bytes_total);
        let refused = outcome.expect("it was answered").map(drop).expect_err("too large");
        assert_eq!(refused.kind(), SessionErrorKind::Decode);
        assert!(spent.bytes_total < 64 << 10, "{spent:?}");
        assert_eq!(other.stats().bytes, 0);
    });
}
