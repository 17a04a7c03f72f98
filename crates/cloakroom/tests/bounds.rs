//! R29, R32, R33, R58: what an attacker can make a process spend, counted in allocations and bytes.
//!
//! `cargo test -p cloakroom --test bounds -- --nocapture` prints the figures.

#[path = "model/visitor.rs"]
mod visitor;

use std::time::{Duration, Instant};

use allocation_counter::{AllocationInfo, measure};
use cloakroom::store::Payload;
use cloakroom::testkit::{ManualClock, MemoryStore};
use cloakroom::{
    CookieConfig, KeyRing, SealPolicy, SessionErrorKind, SessionLayer, SessionValue, Sessions, SessionsBuilder,
};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Request, Response};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, service_fn};

use visitor::Visitor;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Note(String);
impl SessionValue for Note {
    const KEY: &'static str = "note";
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Allocations are counted per thread, so everything runs on this one.
fn on_this_thread<T>(work: impl Future<Output = T>) -> T {
    runtime().block_on(work)
}

/// What a request costs before anybody has asked for its session.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    allocations: u64,
    bytes: u64,
}

/// The cost of a request with these headers, and the shortest time of fifty: the others say what else the machine does.
fn cost_of(sessions: &Sessions, headers: &HeaderMap) -> (Cost, Duration) {
    let layer = SessionLayer::new(sessions.clone()).cookie(CookieConfig::insecure_for_localhost());
    // The request is handed back, because to free it is no cost of ours.
    let handler = |request: Request<()>| std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(request)));
    let mut service = layer.layer(service_fn(handler));
    let runtime = runtime();
    let mut fastest = Duration::MAX;
    let mut cost = Cost { allocations: 0, bytes: 0 };
    for _ in 0..50 {
        let mut request = Request::new(());
        request.headers_mut().clone_from(headers);
        let (mut request, mut answer) = (Some(request), None);
        let began = Instant::now();
        let spent = measure(|| answer = Some(runtime.block_on(service.call(request.take().expect("once")))));
        fastest = fastest.min(began.elapsed());
        assert!(answer.is_some_and(|answer| answer.is_ok()));
        cost = Cost { allocations: spent.count_total, bytes: spent.bytes_total };
    }
    (cost, fastest)
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
    let (plain, time) = cost_of(&sessions, &HeaderMap::new());
    println!("a request without a cookie: {plain:?}, {time:?}");
    let filler = |name: &[u8]| cookies([[name, b"=", &[b'x'; 80], b"; "].concat().repeat(179)]);
    let different: Vec<u8> = (0..180).flat_map(|number| format!("session={number};").into_bytes()).collect();
    let bombs = [
        ("all that is read, of other names", filler(b"another")),
        ("all that is read, of our name", filler(b"session")),
        ("all that is read, of our name, each different", cookies([different[..different.len() - 1].to_vec()])),
        ("100 fields of 4 KiB", cookies(vec![vec![b'x'; 4096]; 100])),
        ("10 000 pairs of our name", cookies([b"session=x; ".repeat(10_000)])),
        ("1 MiB of semicolons", cookies([vec![b';'; 1 << 20]])),
        ("1 MiB in one value", cookies([[b"session=".to_vec(), vec![b'A'; 1 << 20]].concat()])),
        ("5000 fields with a token each", cookies(vec![[&b"session="[..], &[b'A'; 43]].concat(); 5000])),
    ];
    for (what, headers) in bombs {
        let (bomb, time) = cost_of(&sessions, &headers);
        println!("{what}: {bomb:?}, {time:?}");
        assert_eq!(bomb, plain, "{what}");
    }
}

#[test]
fn r32_a_flood_of_ten_times_the_memory_takes_no_more_than_the_memory() {
    const ROOM: u64 = 4 << 20;
    const USERS: usize = 1000;
    let clock = ManualClock::new();
    let sessions = Sessions::builder().clock(clock.clone()).max_bytes(ROOM).build().expect("valid");
    let users: Vec<_> = (0..USERS).map(|_| Visitor::default()).collect();
    let mut strangers = 0_u64;
    let began = Instant::now();
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
    let (took, stats) = (began.elapsed(), sessions.stats());
    println!(
        "{strangers} sessions of strangers in room for {ROOM} bytes, in {took:?}: {} counted, {} held at most, {} evicted",
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

/// What it costs to refuse the record of a session once its value is this one.
fn cost_of_refusing(builder: impl Fn() -> SessionsBuilder, value: Payload) -> (AllocationInfo, Duration) {
    let store = MemoryStore::new();
    let node = || builder().store(store.node()).build().expect("valid");
    let (owner, other) = (node(), node());
    let alice = Visitor::default();
    let runtime = runtime();
    runtime.block_on(async {
        let visit = alice.enter(&owner);
        visit.set(Note("mine".into())).await.expect("there is room");
        visit.leave().await;
    });
    let tag = store.tags()[0];
    let mut record = store.record(tag).expect("it is there");
    let note = record.values.iter_mut().find(|present| &*present.key == Note::KEY).expect("it was written");
    note.payload = value;
    store.roll_back(tag, record);
    // Without the hint, as if nobody had seen anything newer.
    let token = alice.cookie().map(|cookie| cookie.split('.').next().unwrap_or_default().to_owned());
    let visit = Visitor::with_cookie(token).enter(&other);
    let mut outcome = None;
    let began = Instant::now();
    let spent = measure(|| outcome = Some(runtime.block_on(visit.get::<Note>())));
    let took = began.elapsed();
    let refused = outcome.expect("it was answered").map(drop).expect_err("too large");
    assert_eq!(refused.kind(), SessionErrorKind::Decode);
    assert_eq!(other.stats().bytes, 0, "nothing of it is kept");
    (spent, took)
}

#[test]
fn r33_an_oversize_record_is_refused_before_anything_is_made_of_it() {
    const HUGE: usize = 64 << 20;
    // Good but for its size: whoever reads it all the same makes as much of it.
    let plain = Payload::Present(serde_json::to_vec(&Note("1".repeat(HUGE))).expect("it encodes").into());
    // Whoever tries to open it makes as much of it, and only then finds the seal broken.
    let sealed = Payload::Sealed([&[1; 2][..], &vec![0; HUGE]].concat().into());
    let ring: KeyRing = "1:pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=".parse().expect("a good key");
    let sealing = || Sessions::builder().keys(ring.clone()).seal(SealPolicy::Require);
    let costs = [cost_of_refusing(Sessions::builder, plain), cost_of_refusing(sealing, sealed)];
    for (what, (spent, took)) in ["plain", "sealed"].into_iter().zip(costs) {
        println!("a record of {HUGE} bytes, {what}: {} bytes and {took:?} to refuse it", spent.bytes_total);
        assert!(spent.bytes_total < 64 << 10, "{what}: {spent:?}");
    }
}
