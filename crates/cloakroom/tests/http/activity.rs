//! Activity of a session: requests that restart its idle timeout, on whichever node they arrive,
//! and requests that do not.

use std::time::Duration;

use cloakroom::Sessions;
use cloakroom_testkit::{Call, ManualClock, MemoryStore, SpyStore};

use crate::support::{Browser, Deployment, Node, decode, minutes, secs, unissued_token};

const IDLE: Duration = minutes(30);

/// Two nodes over one store, with clocks that are ahead of the store's by these numbers of seconds.
struct SkewedNodes {
    clocks: [ManualClock; 3],
    nodes: [Node; 2],
    calls: SpyStore<MemoryStore>,
}

impl SkewedNodes {
    fn new(ahead: [u64; 2]) -> Self {
        let store_clock = ManualClock::new();
        let store = MemoryStore::with_clock(store_clock.clone());
        let clocks = ahead.map(|ahead| {
            let clock = ManualClock::new();
            clock.advance(secs(ahead));
            clock
        });
        let calls = SpyStore::new(store.node());
        let first = Node::new(Sessions::builder().clock(clocks[0].clone()).store(store.node()));
        let second = Node::new(Sessions::builder().clock(clocks[1].clone()).store(calls.clone()));
        let [first_clock, second_clock] = clocks;
        Self { clocks: [store_clock, first_clock, second_clock], nodes: [first, second], calls }
    }

    async fn advance(&self, span: Duration) {
        self.clocks.iter().for_each(|clock| clock.advance(span));
        for node in &self.nodes {
            node.sessions.run_pending_tasks().await;
        }
    }

    fn touches(&self) -> usize {
        let touched = |call| if let Call::Touch(count) = call { count } else { 0 };
        self.calls.take_calls().into_iter().map(touched).sum()
    }
}

const CLOCKS_AHEAD: [[u64; 2]; 4] = [[0, 0], [0, 3], [3, 0], [50, 0]];

#[tokio::test]
async fn r12_what_a_node_sees_that_has_no_copy_counts_for_all() {
    for ahead in CLOCKS_AHEAD {
        let skewed = SkewedNodes::new(ahead);
        let [first, second] = &skewed.nodes;
        let mut browser = Browser::new(&first.app);
        browser.post("/login/alice").await.ok();
        for _ in 0..12 {
            skewed.advance(IDLE / 3).await;
            browser.at(&second.app).get("/untouched").await.ok();
        }
        skewed.advance(secs(1)).await;
        assert_eq!(browser.get("/whoami").await.ok().body, "alice", "{ahead:?}");
        assert_eq!(second.sessions.stats().store_loads, 0, "a touch needs no load");
    }
}

#[tokio::test]
async fn r12_what_a_node_sees_whose_copy_is_out_of_date_counts_for_all() {
    for ahead in CLOCKS_AHEAD {
        let skewed = SkewedNodes::new(ahead);
        let [first, second] = &skewed.nodes;
        let mut browser = Browser::new(&first.app);
        browser.post("/login/alice").await.ok();
        assert_eq!(browser.at(&second.app).get("/whoami").await.ok().body, "alice");
        browser.post("/note/changed").await.ok();
        for _ in 0..12 {
            skewed.advance(IDLE / 3).await;
            browser.at(&second.app).get("/untouched").await.ok();
        }
        skewed.advance(secs(1)).await;
        assert_eq!(browser.get("/whoami").await.ok().body, "alice", "{ahead:?}");
    }
}

#[tokio::test]
async fn r12_activity_without_a_copy_is_reported_ten_times_per_idle_timeout_and_no_oftener() {
    let skewed = SkewedNodes::new([0, 3]);
    let [first, second] = &skewed.nodes;
    let mut browser = Browser::new(&first.app);
    browser.post("/login/alice").await.ok();
    for _ in 0..400 {
        skewed.advance(IDLE / 200).await;
        browser.at(&second.app).get("/untouched").await.ok();
    }
    skewed.advance(secs(1)).await;
    let touches = skewed.touches();
    assert!((18..=21).contains(&touches), "{touches} touches in two idle timeouts");
}

#[tokio::test]
async fn r12_a_request_that_reads_its_session_is_reported_once() {
    let skewed = SkewedNodes::new([0, 0]);
    let [first, second] = &skewed.nodes;
    let mut browser = Browser::new(&first.app);
    browser.post("/login/alice").await.ok();
    skewed.advance(IDLE / 2).await;
    assert_eq!(browser.at(&second.app).get("/whoami").await.ok().body, "alice");
    skewed.advance(secs(1)).await;
    assert_eq!(skewed.touches(), 1);
}

/// Sends the token that `token_of` returns to a node without a copy, three times per idle timeout,
/// and returns the session's principal after two timeouts. `before` is a request that the owner
/// sends first.
async fn principal_after_two_timeouts(token_of: impl Fn(&Browser) -> String, before: &str) -> String {
    let skewed = SkewedNodes::new([0, 0]);
    let [first, second] = &skewed.nodes;
    let mut browser = Browser::new(&first.app);
    browser.post("/login/alice").await.ok();
    let presented = token_of(&browser);
    if !before.is_empty() {
        browser.post(before).await.ok();
    }
    for _ in 0..6 {
        skewed.advance(IDLE / 3).await;
        Browser::holding(&second.app, presented.clone()).get("/untouched").await.ok();
    }
    skewed.advance(secs(1)).await;
    browser.get("/whoami").await.ok().body
}

#[tokio::test]
async fn a_selector_or_a_dead_secret_alone_keeps_no_session_alive() {
    let selector_only = |browser: &Browser| {
        let mut bytes = decode(&browser.bare_token());
        bytes[16..].fill(7);
        crate::support::canonical(&bytes)
    };
    assert_eq!(principal_after_two_timeouts(selector_only, "").await, "nobody");
    for rotation in ["/login/alice", "/do/rotate"] {
        assert_eq!(principal_after_two_timeouts(Browser::bare_token, rotation).await, "nobody", "{rotation}");
    }
    // The grace of the renewal is over long before the first touch.
    assert_eq!(principal_after_two_timeouts(Browser::bare_token, "/do/renew").await, "nobody");
    assert_eq!(
        principal_after_two_timeouts(Browser::bare_token, "").await,
        "alice",
        "the owner's current token keeps the session alive"
    );
}

#[tokio::test]
async fn a_flood_of_unissued_tokens_takes_bounded_work_and_crowds_out_nobody() {
    let skewed = SkewedNodes::new([0, 0]);
    let [first, second] = &skewed.nodes;
    let mut browser = Browser::new(&first.app);
    browser.post("/login/alice").await.ok();
    for round in 0..4 {
        skewed.advance(IDLE / 3).await;
        // A client that knows only the selector cannot use up the owner's report of activity.
        let mut bytes = decode(&browser.bare_token());
        bytes[16..].fill(round);
        Browser::holding(&second.app, crate::support::canonical(&bytes)).get("/untouched").await.ok();
        for number in 0..5000 {
            Browser::holding(&second.app, unissued_token(u64::from(round) << 32 | number)).get("/untouched").await.ok();
        }
        browser.at(&second.app).get("/untouched").await.ok();
        skewed.touches();
        second.sessions.run_pending_tasks().await;
        let touches = skewed.touches();
        assert!(touches <= 4096, "{touches} touches in a round");
        second.sessions.run_pending_tasks().await;
    }
    skewed.advance(secs(1)).await;
    assert_eq!(browser.get("/whoami").await.ok().body, "alice");
    assert_eq!(second.sessions.stats().sessions, 0, "no entry is left of the unissued tokens");
}

#[tokio::test]
async fn a_touch_without_a_local_copy_is_retried_after_a_store_failure() {
    let deployment = Deployment::shared();
    let first = deployment.node();
    let (store, second) = deployment.faulty_node();
    let mut browser = Browser::new(&first.app);
    browser.post("/login/alice").await.ok();
    deployment.clock.advance(IDLE / 2);
    browser.at(&second.app).get("/untouched").await.ok();
    store.fail_next(cloakroom_testkit::Verb::Touch, cloakroom::store::StoreErrorKind::Unavailable);
    second.sessions.run_pending_tasks().await;
    second.sessions.run_pending_tasks().await;
    deployment.clock.advance(IDLE - secs(1));
    assert_eq!(browser.at(&deployment.node().app).get("/whoami").await.ok().body, "alice");
}
