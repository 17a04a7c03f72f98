//! Past bugs. Each test is named after the behaviour that it protects.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::{
    CachePolicy, EndReason, Login, SessionErrorKind, SessionLimits, SessionValue, Sessions, SessionsBuilder,
};
use cloakroom_testkit::{ManualClock, MemoryStore, SeededRandom};
use serde::{Deserialize, Serialize};

use super::recording::{Recording, recorded, recorded_in_memory};
use super::visitor::{Visit, Visitor};

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Count(u64);
impl SessionValue for Count {
    const KEY: &'static str = "count";
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Text(String);
impl SessionValue for Text {
    const KEY: &'static str = "text";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Roles(u64);
impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(300)).negative_ttl(Duration::from_secs(60));
}

/// A value that takes less memory than its JSON.
#[derive(Clone, Serialize, Deserialize)]
struct Dense {
    numbers: [u64; 16],
}
impl SessionValue for Dense {
    const KEY: &'static str = "dense";
    fn size(&self) -> Option<usize> {
        Some(size_of::<Self>())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Forever(u64);
impl SessionValue for Forever {
    const KEY: &'static str = "forever";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::MAX);
}

/// A value whose [`size`](SessionValue::size) may panic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unmeasurable(bool);
impl SessionValue for Unmeasurable {
    const KEY: &'static str = "unmeasurable";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(300));
    fn size(&self) -> Option<usize> {
        assert!(self.0, "this one cannot be measured");
        Some(1)
    }
}

fn node(store: &MemoryStore, clock: &ManualClock, seed: u64) -> SessionsBuilder {
    Sessions::builder().store(store.clone()).clock(clock.clone()).random(Recording(SeededRandom::new(seed)))
}

/// Two processes over one store.
fn two_nodes() -> (ManualClock, [Sessions; 2]) {
    let clock = ManualClock::new();
    let store = MemoryStore::with_clock(clock.clone());
    let second = node(&store.node(), &clock, 2).build().expect("valid");
    let first = node(&store, &clock, 1).build().expect("valid");
    (clock, [first, second])
}

#[tokio::test]
async fn packing_a_value_that_is_longer_as_json_keeps_the_byte_count_right() {
    let clock = ManualClock::new();
    let sessions = recorded().clock(clock.clone()).build().expect("valid");
    let visitor = Visitor::default();
    let visit = visitor.enter(&sessions);
    visit.set(Dense { numbers: [u64::MAX; 16] }).await.expect("there is room");
    visit.leave().await;
    clock.advance(Duration::from_secs(65));
    sessions.run_pending_tasks().await;
    visitor.enter(&sessions).destroy().await.expect("nothing is broken");
    assert_eq!(sessions.stats().bytes, 0);
}

#[tokio::test]
async fn an_infinite_ttl_does_not_panic() {
    let sessions = recorded_in_memory();
    let visit = Visitor::default().enter(&sessions);
    visit.set(Forever(1)).await.expect("there is room");
    assert_eq!(visit.get().await.expect("it decodes"), Some(Arc::new(Forever(1))));
}

#[test]
fn a_load_whose_runtime_was_shut_down_does_not_block_the_next() {
    let sessions = recorded_in_memory();
    let visitor = Visitor::default();
    let first = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    first.block_on(async {
        let visit = visitor.enter(&sessions);
        visit.set(Count(1)).await.expect("there is room");
        visit.leave().await;
        let visit = visitor.enter(&sessions);
        let mut load = Box::pin(visit.get_or_load(std::future::pending::<std::io::Result<Roles>>));
        assert!(poll_once(&mut load).await.is_none());
    });
    drop(first);
    let second = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let roles = second.block_on(async {
        let visit = visitor.enter(&sessions);
        visit.get_or_load(|| async { Ok::<_, std::io::Error>(Roles(2)) }).await.expect("the loader works")
    });
    assert_eq!(*roles, Roles(2));
}

#[tokio::test]
async fn a_value_whose_size_panics_does_not_block_the_next_load() {
    let sessions = recorded_in_memory();
    let visitor = Visitor::default();
    let visit = visitor.enter(&sessions);
    visit.set(Count(1)).await.expect("there is room");
    visit.leave().await;
    let load = |good| move || async move { Ok::<_, std::io::Error>(Unmeasurable(good)) };
    let visit = visitor.enter(&sessions);
    visit.get_or_load(load(false)).await.expect_err("a panic is an error for the requests that wait");
    let value = visit.get_or_load(load(true)).await.expect("the loader works");
    assert_eq!(*value, Unmeasurable(true));
}

/// A request that waits for the end of its session.
struct Listener {
    visit: Visit,
    #[expect(dead_code, reason = "waits until it is dropped")]
    ended: Pin<Box<dyn Future<Output = EndReason>>>,
}

/// A node whose memory is full of copies that cannot be evicted, because a listener uses each.
async fn full_of_listeners(store: &MemoryStore, clock: &ManualClock) -> (Sessions, Vec<Listener>) {
    let limits = node(store, clock, 5)
        .session_limits(SessionLimits { bytes: 1024, ..SessionLimits::default() })
        .memory_limit(1024 + 4096);
    let sessions = limits.build().expect("valid");
    let mut listeners = Vec::new();
    for number in 0..40 {
        let visit = Visitor::default().enter(&sessions);
        visit.set(Text("x".repeat(100 + number))).await.expect("the store has room");
        let mut ended: Pin<Box<dyn Future<Output = EndReason>>> = Box::pin(visit.ended());
        assert!(poll_once(&mut ended).await.is_none());
        listeners.push(Listener { visit, ended });
    }
    (sessions, listeners)
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| match Pin::new(&mut *future).poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_session_without_a_copy_is_not_counted_when_it_shrinks_or_ends() {
    let clock = ManualClock::new();
    let store = MemoryStore::with_clock(clock.clone());
    let (sessions, listeners) = full_of_listeners(&store, &clock).await;
    let visit = Visitor::default().enter(&sessions);
    visit.set(Text("y".repeat(900))).await.expect("the store has room");
    for length in (0..900).rev().step_by(100) {
        visit.update::<Text, _>(|text| text.0.truncate(length)).await.expect("it is smaller now");
    }
    visit.destroy().await.expect("nothing is broken");
    for listener in listeners {
        listener.visit.destroy().await.expect("nothing is broken");
    }
    let stats = sessions.stats();
    assert_eq!((stats.sessions, stats.bytes), (0, 0));
}

#[tokio::test]
async fn a_login_with_full_memory_does_not_fail_as_ended() {
    let clock = ManualClock::new();
    let store = MemoryStore::with_clock(clock.clone());
    let (sessions, _listeners) = full_of_listeners(&store, &clock).await;
    let visit = Visitor::default().enter(&sessions);
    if let Err(error) = visit.login("user").await {
        assert_eq!(error.kind(), SessionErrorKind::Full);
    }
}

#[tokio::test]
async fn a_remembered_cookie_stays_persistent_after_a_renewal() {
    let sessions = recorded_in_memory();
    let visitor = Visitor::default();
    let visit = visitor.enter(&sessions);
    visit.login(Login::new("user").remember(MONTH)).await.expect("there is room");
    visit.leave().await;
    assert!(visitor.take_received().expect("a new token").contains("Max-Age"));
    let visit = visitor.enter(&sessions);
    visit.renew().await.expect("nothing is broken");
    visit.leave().await;
    let renewed = visitor.take_received().expect("a new token");
    assert!(renewed.contains("Max-Age"), "{renewed}");
}

#[tokio::test]
async fn a_remembered_cookie_stays_persistent_after_a_write_over_a_store() {
    let clock = ManualClock::new();
    let sessions = node(&MemoryStore::with_clock(clock.clone()), &clock, 1).build().expect("valid");
    let visitor = Visitor::default();
    let visit = visitor.enter(&sessions);
    visit.login(Login::new("user").remember(MONTH)).await.expect("nothing is broken");
    visit.leave().await;
    let visit = visitor.enter(&sessions);
    visit.set(Count(1)).await.expect("nothing is broken");
    visit.leave().await;
    let written = visitor.take_received().expect("a new hint");
    assert!(written.contains("Max-Age"), "{written}");
}

#[tokio::test]
async fn a_session_that_is_read_within_its_idle_timeout_can_be_written() {
    let clock = ManualClock::new();
    let sessions = node(&MemoryStore::with_clock(clock.clone()), &clock, 1).build().expect("valid");
    let visitor = Visitor::default();
    let visit = visitor.enter(&sessions);
    visit.set(Count(1)).await.expect("nothing is broken");
    visit.leave().await;
    // The first read is too early to be reported to the store. The second is within 30 minutes of
    // the first.
    for minutes in [2, 29] {
        clock.advance(Duration::from_secs(60 * minutes));
        let visit = visitor.enter(&sessions);
        assert_eq!(visit.get().await.expect("nothing is broken"), Some(Arc::new(Count(1))), "{minutes} minutes later");
        visit.leave().await;
        sessions.run_pending_tasks().await;
    }
    let visit = visitor.enter(&sessions);
    visit.update::<Count, _>(|count| count.0 += 1).await.expect("the read has restarted its idle timeout");
}

#[tokio::test]
async fn the_first_read_on_another_node_is_reported_to_the_store() {
    let (clock, [first, second]) = two_nodes();
    let visitor = Visitor::default();
    let visit = visitor.enter(&first);
    visit.set(Count(1)).await.expect("nothing is broken");
    visit.leave().await;
    for (minutes, sessions) in [(29, &second), (5, &first)] {
        clock.advance(Duration::from_secs(60 * minutes));
        let visit = visitor.enter(sessions);
        assert_eq!(visit.get().await.expect("nothing is broken"), Some(Arc::new(Count(1))), "{minutes} minutes later");
        visit.leave().await;
        sessions.run_pending_tasks().await;
    }
}

#[tokio::test]
async fn a_copy_is_not_read_after_its_record_has_expired_in_the_store() {
    let (clock, [first, second]) = two_nodes();
    let visitor = Visitor::default();
    let visit = visitor.enter(&first);
    visit.set(Count(1)).await.expect("nothing is broken");
    visit.leave().await;
    // The store keeps a record that is not touched for 33 minutes.
    clock.advance(Duration::from_secs(33 * 60 - 1));
    assert!(visitor.enter(&second).get::<Count>().await.expect("nothing is broken").is_some());
    clock.advance(Duration::from_secs(1));
    second.run_pending_tasks().await;
    for sessions in [&first, &second] {
        assert_eq!(visitor.enter(sessions).get::<Count>().await.expect("nothing is broken"), None);
    }
}

#[tokio::test]
async fn removing_a_value_that_is_cached_as_absent_removes_nothing() {
    let sessions = recorded_in_memory();
    let visit = Visitor::default().enter(&sessions);
    visit.set(Count(1)).await.expect("there is room");
    let nobody = visit.find_or_load::<Roles, _, _>(|| async { std::io::Result::Ok(None) }).await;
    assert_eq!(nobody.expect("the loader works"), None);
    assert!(!visit.remove::<Roles>().await.expect("nothing is broken"));
}

#[tokio::test]
async fn a_logout_elsewhere_wakes_a_waiter_before_the_next_periodic_check() {
    let (_clock, [first, second]) = two_nodes();
    let visitor = Visitor::default();
    let visit = visitor.enter(&first);
    visit.set(Count(1)).await.expect("nothing is broken");
    visit.leave().await;
    let waiting = tokio::spawn(visitor.enter(&first).ended());
    tokio::task::yield_now().await;
    visitor.enter(&second).destroy().await.expect("nothing is broken");
    // The periodic check never runs, because nothing advances this clock.
    let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert_eq!(ended.expect("the end is reported").expect("no panic"), EndReason::Gone);
}
