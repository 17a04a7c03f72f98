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
    CookieConfig, KeyRing, Login, SealPolicy, SessionErrorKind, SessionLayer, SessionValue, Sessions, SessionsBuilder,
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

/// What was counted, and what the allocator was asked for and still held, when `work` was done.
fn counted_and_held(work: impl AsyncFnOnce(&Sessions)) -> (u64, u64) {
    let sessions = Sessions::builder().unlimited_sessions_per_principal().pack_after(None).build().expect("valid");
    let spent = measure(|| on_this_thread(work(&sessions)));
    (sessions.stats().bytes, spent.bytes_current.unsigned_abs())
}

async fn log_in_as(sessions: &Sessions, count: usize, login: impl Fn(usize) -> Login) {
    for number in 0..count {
        let visit = Visitor::default().enter(sessions);
        visit.login(login(number)).await.expect("there is room");
        visit.leave().await;
    }
}

async fn hold<T: SessionValue>(sessions: &Sessions, count: usize, value: T) {
    for _ in 0..count {
        let visit = Visitor::default().enter(sessions);
        // As it comes in from a client, and not as the test made it.
        let value = serde_json::from_slice(&serde_json::to_vec(&value).expect("it encodes")).expect("it decodes");
        visit.set::<T>(value).await.expect("there is room");
        visit.leave().await;
    }
}

macro_rules! shape {
    ($name:ident($inner:ty)) => {
        #[derive(Clone, Serialize, Deserialize)]
        struct $name($inner);
        impl SessionValue for $name {
            const KEY: &'static str = "shape";
        }
    };
}

/// Takes two characters in JSON.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Skipping {
    #[serde(skip_serializing_if = "is_zero", default)]
    a: [u64; 32],
}

fn is_zero(numbers: &[u64; 32]) -> bool {
    *numbers == [0; 32]
}

shape!(Zeros(Vec<u64>));
shape!(Holes(Vec<Skipping>));
shape!(Texts(Vec<String>));
shape!(Boxes(Vec<Option<Box<[u64; 8]>>>));
shape!(Tree(std::collections::BTreeMap<u16, u64>));
shape!(SmallTrees(Vec<std::collections::BTreeMap<u8, u64>>));
shape!(Table(std::collections::HashMap<u32, u64>));
shape!(Nested(Vec<Vec<u8>>));

#[test]
fn r32_memory_is_counted_as_it_is_taken_within_half_whatever_the_shape() {
    const MANY: usize = 200;
    let long = |number: usize, length: usize| format!("{number:0length$}");
    let shapes: [(&str, (u64, u64)); 11] = [
        ("bare logins", counted_and_held(async |s| log_in_as(s, 2000, |n| Login::new(n.to_string())).await)),
        ("labels", counted_and_held(async |s| log_in_as(s, 1000, |n| Login::new(n as u64).label(long(n, 256))).await)),
        ("principals", counted_and_held(async |s| log_in_as(s, 1000, |n| Login::new(long(n, 1024))).await)),
        ("numbers of two characters", counted_and_held(async |s| hold(s, MANY, Zeros(vec![0; 1000])).await)),
        (
            "structs of two characters",
            counted_and_held(async |s| hold(s, MANY, Holes(vec![Skipping::default(); 100])).await),
        ),
        ("empty texts", counted_and_held(async |s| hold(s, MANY, Texts(vec![String::new(); 1000])).await)),
        ("boxes", counted_and_held(async |s| hold(s, MANY, Boxes(vec![Some(Box::new([1; 8])); 200])).await)),
        ("a tree", counted_and_held(async |s| hold(s, MANY, Tree((0..500).map(|n| (n, 1)).collect())).await)),
        ("small trees", counted_and_held(async |s| hold(s, MANY, SmallTrees(vec![[(1, 1)].into(); 300])).await)),
        ("a table", counted_and_held(async |s| hold(s, MANY, Table((0..500).map(|n| (n, 1)).collect())).await)),
        ("lists of lists", counted_and_held(async |s| hold(s, MANY, Nested(vec![vec![1; 3]; 500])).await)),
    ];
    let mut wrong = Vec::new();
    for (what, (counted, held)) in shapes {
        println!("{what}: {counted} counted, {held} held");
        if counted * 3 < held * 2 || held * 3 < counted * 2 {
            wrong.push(format!("{what}: {counted} counted, {held} held"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn r33_a_label_or_a_principal_that_is_too_long_is_refused_by_its_name() {
    let sessions = Sessions::in_memory();
    let logins = [("label", Login::new("ada").label("x".repeat(257))), ("principal", Login::new("x".repeat(1025)))];
    for (what, login) in logins {
        let visit = Visitor::default().enter(&sessions);
        let error = on_this_thread(visit.login(login)).expect_err("too long");
        assert_eq!(error.kind(), SessionErrorKind::TooLarge);
        assert!(format!("{error:?}").contains(what), "{error:?}");
    }
    assert_eq!(sessions.stats().created, 0, "nothing is left of it");
    on_this_thread(async {
        let visit = Visitor::default().enter(&sessions);
        visit.login(Login::new("x".repeat(1024)).label("x".repeat(256))).await.expect("as long as they may be");
    });
}

#[test]
fn r32_one_account_never_fills_the_memory_of_all() {
    const ROOM: u64 = 4 << 20;
    let sessions = Sessions::builder().max_bytes(ROOM).unlimited_sessions_per_principal().build().expect("valid");
    on_this_thread(async {
        let bob = Visitor::default();
        let visit = bob.enter(&sessions);
        visit.login("bob").await.expect("there is room");
        visit.leave().await;
        for _ in 0..1000 {
            let visit = Visitor::default().enter(&sessions);
            visit.login("mallory").await.expect("there is room: its own oldest make it");
            visit.set(Note("x".repeat(10_000))).await.expect("there is room: its own oldest make it");
            visit.leave().await;
        }
        let visit = bob.enter(&sessions);
        visit.set(Note("x".repeat(60_000))).await.expect("there is room for others");
        assert_eq!(visit.principal().await.expect("no fault"), Some("bob".into()));
        visit.leave().await;
        let left = sessions.of("mallory").count().await.expect("no fault") as u64;
        assert!((10..=ROOM / 16 / 10_000 + 1).contains(&left), "{left} sessions are left of mallory's");
        assert_eq!(sessions.stats().ended_evicted, 1000 - left);
    });
}
