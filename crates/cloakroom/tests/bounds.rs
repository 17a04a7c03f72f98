//! R29, R32, R33, R58: the allocations and bytes that an attacker can make a process spend.
//!
//! `cargo test -p cloakroom --test bounds -- --nocapture` prints the figures.

#[path = "model/visitor.rs"]
mod visitor;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::time::{Duration, Instant};

use allocation_counter::{AllocationInfo, measure};
use cloakroom::store::Payload;
use cloakroom::{
    CookieConfig, KeyRing, Login, SealPolicy, SessionErrorKind, SessionLayer, SessionValue, Sessions, SessionsBuilder,
};
use cloakroom_testkit::{ManualClock, MemoryStore};
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

/// Runs `work` on the current thread, because allocations are counted per thread.
fn run_on_this_thread<T>(work: impl Future<Output = T>) -> T {
    runtime().block_on(work)
}

/// Cost of a request whose handler does not use the session.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    allocations: u64,
    bytes: u64,
}

/// Measures a request with these headers.
///
/// The time is the shortest of fifty, because the others include other work of the machine.
fn cost_of(sessions: &Sessions, headers: &HeaderMap) -> (Cost, Duration) {
    let layer = SessionLayer::new(sessions.clone()).cookie(CookieConfig::insecure_for_localhost());
    // The handler returns the request, so that freeing it is not measured.
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
        ("the maximum that is read, of other names", filler(b"another")),
        ("the maximum that is read, of our name", filler(b"session")),
        (
            "the maximum that is read, of our name, with different values",
            cookies([different[..different.len() - 1].to_vec()]),
        ),
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
    const MAX_BYTES: u64 = 4 << 20;
    const USERS: usize = 1000;
    let clock = ManualClock::new();
    let sessions = Sessions::builder().clock(clock.clone()).memory_limit(MAX_BYTES).build().expect("valid");
    let users: Vec<_> = (0..USERS).map(|_| Visitor::default()).collect();
    let mut anonymous = 0_u64;
    let began = Instant::now();
    let spent = measure(|| {
        run_on_this_thread(async {
            for (number, user) in users.iter().enumerate() {
                let visit = user.enter(&sessions);
                visit.login(number.to_string()).await.expect("there is room");
                visit.leave().await;
            }
            let value = "x".repeat(1000);
            while anonymous * 1000 < 10 * MAX_BYTES {
                let visit = Visitor::default().enter(&sessions);
                visit.set(Note(value.clone())).await.expect("an older session is evicted");
                visit.leave().await;
                anonymous += 1;
                if anonymous.is_multiple_of(1000) {
                    clock.advance(Duration::from_millis(100));
                    sessions.run_pending_tasks().await;
                }
            }
        });
    });
    let (took, stats) = (began.elapsed(), sessions.stats());
    println!(
        "{anonymous} anonymous sessions in {MAX_BYTES} bytes, {took:?}: {} counted, {} at the peak, {} evicted",
        stats.bytes, spent.bytes_max, stats.ended_evicted
    );
    assert!(stats.bytes <= MAX_BYTES, "{stats:?}");
    // The count excludes the rounding of the allocator and the spare capacity of tables.
    assert!(spent.bytes_max < MAX_BYTES * 3 / 2, "{spent:?}");
    run_on_this_thread(async {
        for (number, user) in users.iter().enumerate() {
            let visit = user.enter(&sessions);
            assert_eq!(visit.principal().await.expect("no fault").expect("logged in").as_str(), number.to_string());
            visit.leave().await;
        }
    });
}

/// Measures the refusal of a record that contains this value.
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
    let selector = store.selectors()[0];
    let mut record = store.record(selector).expect("it is there");
    let note = record.values.iter_mut().find(|present| &*present.key == Note::KEY).expect("it was written");
    note.payload = value;
    store.roll_back(selector, record);
    // Without the version hint, as if the client had seen nothing newer.
    let token = alice.cookie().map(|cookie| cookie.split('.').next().unwrap_or_default().to_owned());
    let visit = Visitor::with_cookie(token).enter(&other);
    let mut outcome = None;
    let began = Instant::now();
    let spent = measure(|| outcome = Some(runtime.block_on(visit.get::<Note>())));
    let took = began.elapsed();
    let refused = outcome.expect("the read has finished").map(drop).expect_err("too large");
    assert_eq!(refused.kind(), SessionErrorKind::Decode);
    assert_eq!(other.stats().bytes, 0, "no part of it is cached");
    (spent, took)
}

#[test]
fn r33_an_oversize_record_is_refused_before_anything_is_made_of_it() {
    const HUGE: usize = 64 << 20;
    // Valid except for its size: decoding it would allocate as much again.
    let plain = Payload::Present(serde_json::to_vec(&Note("1".repeat(HUGE))).expect("it encodes").into());
    // Decrypting it would allocate as much again, and only then find that it is not authentic.
    let sealed = Payload::Sealed([&[1; 2][..], &vec![0; HUGE]].concat().into());
    let ring: KeyRing = "1:pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=".parse().expect("a good key");
    let sealing = || Sessions::builder().keys(ring.clone()).seal(SealPolicy::Require);
    let costs = [cost_of_refusing(Sessions::builder, plain), cost_of_refusing(sealing, sealed)];
    for (what, (spent, took)) in ["plain", "encrypted"].into_iter().zip(costs) {
        println!("refusal of a record of {HUGE} bytes, {what}: {} bytes, {took:?}", spent.bytes_total);
        assert!(spent.bytes_total < 64 << 10, "{what}: {spent:?}");
    }
}

/// Returns the bytes that the library counts for `work`, and those that stay allocated.
///
/// `before` runs first and is not measured.
fn counted_and_allocated(before: impl AsyncFnOnce(&Sessions), work: impl AsyncFnOnce(&Sessions)) -> (u64, u64) {
    let sessions = Sessions::builder().unlimited_sessions_per_principal().pack_after(None).build().expect("valid");
    run_on_this_thread(before(&sessions));
    let counted = sessions.stats().bytes;
    let spent = measure(|| run_on_this_thread(work(&sessions)));
    (sessions.stats().bytes - counted, spent.bytes_current.unsigned_abs())
}

async fn log_in_as(sessions: &Sessions, count: usize, login: impl Fn(usize) -> Login) {
    for number in 0..count {
        let visit = Visitor::default().enter(sessions);
        visit.login(login(number)).await.expect("there is room");
        visit.leave().await;
    }
}

fn logins(login: impl Fn(usize) -> Login) -> (u64, u64) {
    // Fills the table of recent logins, whose size does not depend on the sessions that live.
    let before = async |sessions: &Sessions| log_in_as(sessions, 4096, |_| Login::new("somebody")).await;
    counted_and_allocated(before, async |sessions| log_in_as(sessions, 2000, login).await)
}

/// Measures sessions with this value.
fn values<T: SessionValue>(value: T) -> (u64, u64) {
    // Each session decodes the value, as it would one from a client or a database. The value that
    // the test has built may have another capacity.
    let encoded = serde_json::to_vec(&value).expect("it encodes");
    drop(value);
    let set = async |sessions: &Sessions| {
        for _ in 0..100 {
            let visit = Visitor::default().enter(sessions);
            visit.set::<T>(serde_json::from_slice(&encoded).expect("it decodes")).await.expect("there is room");
            visit.leave().await;
        }
    };
    counted_and_allocated(async |_| (), set)
}

#[derive(Clone, Serialize, Deserialize)]
struct Shape<T>(T);
impl<T> SessionValue for Shape<T>
where
    T: Clone + Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    const KEY: &'static str = "shape";
}

fn list<T: Clone>(count: usize, element: T) -> Vec<T> {
    vec![element; count]
}

/// A struct of 256 bytes that takes two characters in JSON.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Skipping {
    #[serde(skip_serializing_if = "is_zero", default)]
    a: [u64; 32],
}

fn is_zero(numbers: &[u64; 32]) -> bool {
    *numbers == [0; 32]
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Item {
    id: u64,
    name: String,
    tags: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
enum Plain {
    Empty,
    Text(String),
    Large([u64; 16]),
    Boxed { large: Box<[u64; 16]> },
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Book { id: u64, title: String },
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
}

#[derive(Clone, Serialize, Deserialize)]
struct Flattened {
    number: u64,
    #[serde(flatten)]
    item: Item,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Chained {
    next: Option<Box<Self>>,
}

fn chain(length: usize) -> Chained {
    (0..length).fold(Chained::default(), |next, _| Chained { next: Some(Box::new(next)) })
}

/// Ratio of counted to allocated bytes, and its inverse.
fn factors(counted: u64, allocated: u64) -> (f64, f64) {
    let (counted, allocated) = (counted as f64, allocated as f64);
    (counted / allocated, allocated / counted)
}

#[test]
fn r32_memory_is_counted_as_it_is_taken_within_half_whatever_the_shape() {
    let texts = |count: usize| (0..count).map(|number| number.to_string());
    let tree = |count: u16| (0..count).map(|number| (number, 1_u64));
    let long = |number: usize, length: usize| format!("{number:0length$}");
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("it is JSON");
    let item = Item { id: 1, name: "a name".to_owned(), tags: list(2, "tag".to_owned()) };
    let shapes = [
        ("logins of many users", logins(|number| Login::new(number.to_string()))),
        ("logins of one user", logins(|_| Login::new("ada"))),
        ("labels", logins(|number| Login::new(number as u64).label(long(number, 256)))),
        ("principals", logins(|number| Login::new(long(number, 1024)))),
        ("a tiny value", values(Shape(0_u8))),
        ("a string", values(Shape("x".repeat(5000)))),
        ("numbers of two characters in JSON", values(Shape(list(1000, 0_u64)))),
        ("numbers of one byte in memory", values(Shape(list(3000, 0_u8)))),
        ("structs of two characters in JSON", values(Shape(list(100, Skipping::default())))),
        ("structs", values(Shape(list(100, item.clone())))),
        ("tuples", values(Shape(list(300, (1_u8, 1_u64, "text".to_owned()))))),
        ("empty strings", values(Shape(list(1000, String::new())))),
        ("short strings", values(Shape(texts(1000).collect::<Vec<_>>()))),
        ("options without a value", values(Shape(list(1000, None::<String>)))),
        ("boxed arrays", values(Shape(list(200, Some(Box::new([1_u64; 8])))))),
        ("boxed numbers", values(Shape(list(200, Box::new(1_u64))))),
        ("boxed strings", values(Shape(list(200, Box::<str>::from("text"))))),
        ("lists of lists", values(Shape(list(500, list(3, 1_u8))))),
        ("addresses", values(Shape(list(300, std::net::IpAddr::from([127, 0, 0, 1]))))),
        ("a deque", values(Shape((0..300).collect::<VecDeque<u32>>()))),
        ("a linked list", values(Shape((0..300).collect::<LinkedList<u32>>()))),
        ("a B-tree map", values(Shape(tree(500).collect::<BTreeMap<_, _>>()))),
        ("a B-tree set", values(Shape((0..200).collect::<BTreeSet<u8>>()))),
        ("small B-tree maps", values(Shape(list(300, tree(1).collect::<BTreeMap<_, _>>())))),
        ("a hash map", values(Shape(tree(500).collect::<HashMap<_, _>>()))),
        ("small hash maps", values(Shape(list(300, tree(1).collect::<HashMap<_, _>>())))),
        ("a hash set", values(Shape(texts(200).collect::<HashSet<_>>()))),
        ("empty variants", values(Shape(list(300, Plain::Empty)))),
        ("variants with a string", values(Shape(list(300, Plain::Text("text".to_owned()))))),
        ("large variants", values(Shape(list(300, Plain::Large([1; 16]))))),
        ("boxed variants", values(Shape(list(300, Plain::Boxed { large: Box::new([1; 16]) })))),
        ("tagged variants", values(Shape(list(300, Tagged::Book { id: 1, title: "a title".to_owned() })))),
        ("untagged numbers", values(Shape(list(300, Untagged::Number(1))))),
        ("untagged strings", values(Shape(list(300, Untagged::Text("text".to_owned()))))),
        ("empty JSON objects", values(Shape(list(500, json("{}"))))),
        ("small JSON objects", values(Shape(list(500, json(r#"{"a": [1, "text"]}"#))))),
        ("a chain of boxes", values(Shape(chain(25)))),
    ];
    let mut miscounted = Vec::new();
    for (what, (counted, allocated)) in shapes {
        let (overcount, undercount) = factors(counted, allocated);
        println!("{what}: {counted} counted, {allocated} allocated, {overcount:.2}");
        if overcount.max(undercount) > 1.5 {
            miscounted.push(format!("{what}: {counted} counted, {allocated} allocated"));
        }
    }
    assert!(miscounted.is_empty(), "{miscounted:#?}");
}

/// serde passes flattened fields only in its buffer type, which takes 32 bytes for a number.
#[test]
fn r32_what_is_flattened_is_not_counted_as_less_than_it_takes() {
    let flattened = Flattened { number: 1, item: Item::default() };
    let (counted, allocated) = values(Shape(list(200, flattened)));
    let (overcount, undercount) = factors(counted, allocated);
    println!("flattened: {counted} counted, {allocated} allocated, {overcount:.2}");
    assert!(overcount < 10.0 && undercount < 1.5, "{counted} counted, {allocated} allocated");
}

#[test]
fn r33_a_label_or_a_principal_that_is_too_long_is_refused_by_its_name() {
    let sessions = Sessions::in_memory();
    let logins = [("label", Login::new("ada").label("x".repeat(257))), ("principal", Login::new("x".repeat(1025)))];
    for (what, login) in logins {
        let visit = Visitor::default().enter(&sessions);
        let error = run_on_this_thread(visit.login(login)).expect_err("too long");
        assert_eq!(error.kind(), SessionErrorKind::TooLarge);
        assert!(format!("{error:?}").contains(what), "{error:?}");
    }
    assert_eq!(sessions.stats().created, 0, "no session is left");
    run_on_this_thread(async {
        let visit = Visitor::default().enter(&sessions);
        visit
            .login(Login::new("x".repeat(1024)).label("x".repeat(256)))
            .await
            .expect("the maximum lengths are accepted");
    });
}

#[test]
fn r32_one_account_never_fills_the_memory_of_all() {
    const MAX_BYTES: u64 = 4 << 20;
    let sessions =
        Sessions::builder().memory_limit(MAX_BYTES).unlimited_sessions_per_principal().build().expect("valid");
    run_on_this_thread(async {
        let bob = Visitor::default();
        let visit = bob.enter(&sessions);
        visit.login("bob").await.expect("there is room");
        visit.leave().await;
        for _ in 0..1000 {
            let visit = Visitor::default().enter(&sessions);
            visit.login("mallory").await.expect("its own oldest sessions are evicted");
            visit.set(Note("x".repeat(10_000))).await.expect("its own oldest sessions are evicted");
            visit.leave().await;
        }
        let visit = bob.enter(&sessions);
        visit.set(Note("x".repeat(60_000))).await.expect("other users have room");
        assert_eq!(visit.principal().await.expect("no fault"), Some("bob".into()));
        visit.leave().await;
        let left = sessions.of("mallory").count().await.expect("no fault") as u64;
        assert!((10..=MAX_BYTES / 16 / 10_000 + 1).contains(&left), "mallory has {left} sessions left");
        assert_eq!(sessions.stats().ended_evicted, 1000 - left);
    });
}
