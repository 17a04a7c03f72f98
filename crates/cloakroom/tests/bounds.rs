//! R29, R32, R33, R58: what an attacker can make a process spend, counted in allocations and bytes.
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
                    sessions.run_pending_tasks().await;
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
    let selector = store.selectors()[0];
    let mut record = store.record(selector).expect("it is there");
    let note = record.values.iter_mut().find(|present| &*present.key == Note::KEY).expect("it was written");
    note.payload = value;
    store.roll_back(selector, record);
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
///
/// `before` is done first, and not counted.
fn counted_and_held(before: impl AsyncFnOnce(&Sessions), work: impl AsyncFnOnce(&Sessions)) -> (u64, u64) {
    let sessions = Sessions::builder().unlimited_sessions_per_principal().pack_after(None).build().expect("valid");
    on_this_thread(before(&sessions));
    let counted = sessions.stats().bytes;
    let spent = measure(|| on_this_thread(work(&sessions)));
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
    // As many as the process remembers for logins at the same time, whichever sessions there are.
    let before = async |sessions: &Sessions| log_in_as(sessions, 4096, |_| Login::new("somebody")).await;
    counted_and_held(before, async |sessions| log_in_as(sessions, 2000, login).await)
}

/// Sessions with this value.
fn values<T: SessionValue>(value: T) -> (u64, u64) {
    // As it comes from a client or a database, and not as the test made it.
    let encoded = serde_json::to_vec(&value).expect("it encodes");
    drop(value);
    let set = async |sessions: &Sessions| {
        for _ in 0..100 {
            let visit = Visitor::default().enter(sessions);
            visit.set::<T>(serde_json::from_slice(&encoded).expect("it decodes")).await.expect("there is room");
            visit.leave().await;
        }
    };
    counted_and_held(async |_| (), set)
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

/// Takes two characters in JSON.
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
    selectors: Vec<String>,
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

/// By how many times more was counted than was held, and the other way round.
fn factors(counted: u64, held: u64) -> (f64, f64) {
    let (counted, held) = (counted as f64, held as f64);
    (counted / held, held / counted)
}

#[test]
fn r32_memory_is_counted_as_it_is_taken_within_half_whatever_the_shape() {
    let texts = |count: usize| (0..count).map(|number| number.to_string());
    let tree = |count: u16| (0..count).map(|number| (number, 1_u64));
    let long = |number: usize, length: usize| format!("{number:0length$}");
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("it is JSON");
    let item = Item { id: 1, name: "a name".to_owned(), selectors: list(2, "tag".to_owned()) };
    let shapes = [
        ("logins of many", logins(|number| Login::new(number.to_string()))),
        ("logins of one", logins(|_| Login::new("ada"))),
        ("labels", logins(|number| Login::new(number as u64).label(long(number, 256)))),
        ("principals", logins(|number| Login::new(long(number, 1024)))),
        ("next to nothing", values(Shape(0_u8))),
        ("a text", values(Shape("x".repeat(5000)))),
        ("numbers of two characters", values(Shape(list(1000, 0_u64)))),
        ("numbers of one byte", values(Shape(list(3000, 0_u8)))),
        ("structs of two characters", values(Shape(list(100, Skipping::default())))),
        ("structs", values(Shape(list(100, item.clone())))),
        ("tuples", values(Shape(list(300, (1_u8, 1_u64, "text".to_owned()))))),
        ("empty texts", values(Shape(list(1000, String::new())))),
        ("short texts", values(Shape(texts(1000).collect::<Vec<_>>()))),
        ("nothing, as an option", values(Shape(list(1000, None::<String>)))),
        ("boxed arrays", values(Shape(list(200, Some(Box::new([1_u64; 8])))))),
        ("boxed numbers", values(Shape(list(200, Box::new(1_u64))))),
        ("boxed texts", values(Shape(list(200, Box::<str>::from("text"))))),
        ("lists of lists", values(Shape(list(500, list(3, 1_u8))))),
        ("addresses", values(Shape(list(300, std::net::IpAddr::from([127, 0, 0, 1]))))),
        ("a deque", values(Shape((0..300).collect::<VecDeque<u32>>()))),
        ("a linked list", values(Shape((0..300).collect::<LinkedList<u32>>()))),
        ("a tree", values(Shape(tree(500).collect::<BTreeMap<_, _>>()))),
        ("a set in order", values(Shape((0..200).collect::<BTreeSet<u8>>()))),
        ("small trees", values(Shape(list(300, tree(1).collect::<BTreeMap<_, _>>())))),
        ("a table", values(Shape(tree(500).collect::<HashMap<_, _>>()))),
        ("small tables", values(Shape(list(300, tree(1).collect::<HashMap<_, _>>())))),
        ("a set", values(Shape(texts(200).collect::<HashSet<_>>()))),
        ("empty variants", values(Shape(list(300, Plain::Empty)))),
        ("variants with text", values(Shape(list(300, Plain::Text("text".to_owned()))))),
        ("large variants", values(Shape(list(300, Plain::Large([1; 16]))))),
        ("boxed variants", values(Shape(list(300, Plain::Boxed { large: Box::new([1; 16]) })))),
        ("tagged variants", values(Shape(list(300, Tagged::Book { id: 1, title: "a title".to_owned() })))),
        ("untagged numbers", values(Shape(list(300, Untagged::Number(1))))),
        ("untagged texts", values(Shape(list(300, Untagged::Text("text".to_owned()))))),
        ("empty objects of any kind", values(Shape(list(500, json("{}"))))),
        ("small objects of any kind", values(Shape(list(500, json(r#"{"a": [1, "text"]}"#))))),
        ("a chain of boxes", values(Shape(chain(25)))),
    ];
    let mut wrong = Vec::new();
    for (what, (counted, held)) in shapes {
        let (too_much, too_little) = factors(counted, held);
        println!("{what}: {counted} counted, {held} held, {too_much:.2}");
        if too_much.max(too_little) > 1.5 {
            wrong.push(format!("{what}: {counted} counted, {held} held"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Of flattened parts, serde shows only the form in which it puts them aside: 32 bytes for a
/// number.
#[test]
fn r32_what_is_flattened_is_not_counted_as_less_than_it_takes() {
    let flattened = Flattened { number: 1, item: Item::default() };
    let (counted, held) = values(Shape(list(200, flattened)));
    let (too_much, too_little) = factors(counted, held);
    println!("flattened: {counted} counted, {held} held, {too_much:.2}");
    assert!(too_much < 10.0 && too_little < 1.5, "{counted} counted, {held} held");
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
