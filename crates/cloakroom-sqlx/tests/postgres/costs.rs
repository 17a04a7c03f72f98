//! The cost of each operation for the server: its statements and their round trips.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cloakroom::store::{Expect, Guard, Lease, Store, Touch};
use cloakroom_sqlx::PostgresStore;
use cloakroom_testbed::{Direction, Proxy};

use crate::database::{Database, LEASE};
use crate::samples::{KEY, insert, json, now, put, record, selector};
use crate::statistics::Calls;
use crate::support::{Invalidations, until};

/// What a node runs besides the calls that it is asked for.
const BACKGROUND: [&str; 5] = ["poll", "notify", "may clean", "clean", "remove changes"];

/// The interval of [`Database::builder`].
const POLL_INTERVAL: Duration = LEASE.checked_div(4).expect("4 is not 0");

/// Changes the value of a session whose state is known.
async fn update(store: &PostgresStore, place: u64) {
    let record = store.load(selector(place)).await.expect("the server runs").expect("it is there").record;
    let mut commit = put(record.version, record.version << 32 | 7, KEY, Expect::Any, json("1"));
    commit.head = Some(record.head());
    store.commit(selector(place), commit).await.expect("the server runs");
}

async fn touch(store: &PostgresStore, place: u64) {
    let touches = vec![Touch::new(selector(place), Guard::Anyone, now().after(Duration::from_secs(60)))];
    store.touch(touches).await.expect("the server runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_common_operation_is_one_statement() {
    let database = Database::start_counting().await;
    let schema = database.schema().await;
    let url = database.url_of("node").await;
    let store = database.builder(&schema).connect(&url).await.expect("the server runs");
    database.reset_calls().await;
    insert(&store, 1, record(now())).await;
    for _ in 0..10 {
        update(&store, 1).await;
    }
    touch(&store, 1).await;
    store.destroy_many(vec![selector(1), selector(2)]).await;
    let of = |calls: &Calls, kind: &str| calls.get(kind).copied().unwrap_or_default();
    let mut calls = Calls::new();
    // The cleaner has transactions, in which it asks whether it may clean.
    until("the cleaner is in no transaction", async || {
        calls = database.calls("node").await;
        ["begin", "limit", "end"].iter().all(|kind| of(&calls, kind) == of(&calls, "may clean"))
    })
    .await;
    calls.retain(|kind, _| !BACKGROUND.contains(&&**kind) && !["begin", "limit", "end"].contains(&&**kind));
    // Listening may begin after the reset.
    calls.retain(|kind, _| !kind.starts_with("LISTEN"));
    let expected = [("commit", 10), ("create", 1), ("destroy many", 1), ("load", 10), ("touch", 1)];
    assert_eq!(calls, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
}

/// The time from the client to the server. Much longer than what a call takes besides.
const WAY: Duration = Duration::from_millis(60);

/// The round trips of a call, from the time that it takes.
async fn round_trips(mut call: impl AsyncFnMut()) -> u128 {
    let mut fastest = Duration::MAX;
    // Other connections prepare the statement first, and a busy machine delays some calls.
    for _ in 0..10 {
        let began = Instant::now();
        call().await;
        fastest = fastest.min(began.elapsed());
    }
    fastest.as_nanos() / WAY.as_nanos()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_common_operation_waits_for_one_round_trip() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let proxy = Proxy::start(database.server.address()).await.expect("a free port");
    let url = database.server.url_through(proxy.port());
    let store = database.builder(&schema).lease(LEASE * 10).connect(&url).await.expect("the server runs");
    let mut head = record(now()).head();
    insert(&store, 0, record(now())).await;
    proxy.delay(Direction::ToServer, WAY);
    let mut created = 0;
    let creates = round_trips(async || {
        created += 1;
        insert(&store, created, record(now())).await;
    });
    assert_eq!(creates.await, 1, "create");
    assert_eq!(round_trips(async || drop(store.load(selector(0)).await.expect("it runs"))).await, 1, "load");
    let commits = round_trips(async || {
        let mut commit = put(head.version, head.version << 32 | 7, KEY, Expect::Any, json("1"));
        commit.head = Some(head.clone());
        head = head.after(commit.nonce, commit.next_version());
        let committed = store.commit(selector(0), commit).await.expect("the server runs");
        assert!(matches!(committed, cloakroom::store::Committed::Done(_)), "{committed:?}");
    });
    assert_eq!(commits.await, 1, "commit");
    assert_eq!(round_trips(async || touch(&store, 0).await).await, 1, "touch");
    let ends = round_trips(async || drop(store.destroy_many(vec![selector(0)]).await));
    assert_eq!(ends.await, 1, "destroy many");
}

async fn polls(database: &Database, role: &str) -> u32 {
    let calls = database.calls(role).await.get("poll").copied().unwrap_or_default();
    u32::try_from(calls).expect("few polls")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_in_use_polls_once_per_interval_and_once_more_per_notification() {
    let database = Database::start_counting().await;
    let schema = database.schema().await;
    let reader = database.builder(&schema).connect(&database.url_of("reader").await).await.expect("the server runs");
    let writer = database.builder(&schema).connect(&database.url_of("writer").await).await.expect("the server runs");
    insert(&writer, 1, record(now())).await;
    let seen = Invalidations::of(&reader);
    until("the reader is notified", async || {
        update(&writer, 1).await;
        reader.is_lease_valid(Lease::NONE);
        seen.count(selector(1)) > 0
    })
    .await;
    database.reset_calls().await;
    let began = Instant::now();
    until("the reader has polled", async || {
        reader.is_lease_valid(Lease::NONE);
        polls(&database, "reader").await >= 20
    })
    .await;
    // One may have been on its way at the reset, and one was counted before the interval was over.
    let most = |began: Instant| began.elapsed().div_duration_f64(POLL_INTERVAL).ceil() as u32 + 2;
    let made = polls(&database, "reader").await;
    assert!(made <= most(began), "{made} polls in {:?}", began.elapsed());

    database.reset_calls().await;
    let began = Instant::now();
    for _ in 0..100 {
        reader.is_lease_valid(Lease::NONE);
        update(&writer, 1).await;
    }
    let (made, calls) = (polls(&database, "reader").await, database.calls("writer").await);
    let notifications = u32::try_from(calls["notify"]).expect("few notifications");
    assert_eq!(calls["commit"], 100);
    assert!(notifications <= 101, "{notifications} notifications of 100 commits");
    assert!(made <= most(began) + notifications, "{made} polls after {notifications} notifications");
    let ticks = began.elapsed().as_millis() / 5 + 2;
    assert!(u128::from(made) <= ticks && u128::from(notifications) <= ticks, "at most one in 5 ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_copies_nobody_uses_stops_polling_and_goes_on_when_they_are_used() {
    let database = Database::start_counting().await;
    let schema = database.schema().await;
    let open = || database.builder(&schema).poll_interval(Duration::from_millis(10));
    let idle = open().connect(&database.url_of("idle").await).await.expect("the server runs");
    let writer = open().connect(&database.url_of("writer").await).await.expect("the server runs");
    let mut last = 0;
    until("polling pauses", async || {
        let before = std::mem::replace(&mut last, polls(&database, "idle").await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        before == last
    })
    .await;
    database.reset_calls().await;
    insert(&writer, 1, record(now())).await;
    for _ in 0..20 {
        update(&writer, 1).await;
    }
    until("the writer has notified", async || database.calls("writer").await.contains_key("notify")).await;
    let run: BTreeSet<_> = database.calls("idle").await.into_keys().collect();
    assert!(!run.contains("poll"), "a node that nobody uses does not poll: {run:?}");
    // Until the lease has run out and longer: nothing is wrong.
    tokio::time::sleep(LEASE).await;
    assert!(!idle.is_lease_lost());
    let seen = Invalidations::of(&idle);
    let mut lease = Lease::NONE;
    until("copies may be kept again", async || {
        lease = idle.load(selector(1)).await.expect("the server runs").expect("it is there").lease;
        idle.is_lease_valid(lease)
    })
    .await;
    update(&writer, 1).await;
    until("the change is known", async || {
        idle.is_lease_valid(lease);
        seen.count(selector(1)) > 0 || seen.of_all() > 0
    })
    .await;
}
