//! What counts as activity of a session, on whichever node it is seen, and what does not.

use std::time::Duration;

use cloakroom::Sessions;
use cloakroom_testkit::{Call, ManualClock, MemoryStore, SpyStore};

use crate::support::{Browser, Deployment, Node, decode, invented, minutes, secs};

const IDLE: Duration = minutes(30);

/// Two nodes over one store, whose clocks differ from the store's and from each other by so many seconds.
struct Apart {
    clocks: [ManualClock; 3],
    nodes: [Node; 2],
    calls: SpyStore<MemoryStore>,
}

impl Apart {
    fn by(ahead: [u64; 2]) -> Self {
        let store_clock = ManualClock::new();
        let store = MemoryStore::with_clock(store_clock.clone());
        let clocks = ahead.map(|ahead| {
            let clock = ManualClock::new();
            clock.advance(secs(ahead));
            clock
        });
        let calls = SpyStore::new(store.node());
        let here = Node::new(Sessions::builder().clock(clocks[0].clone()).store(store.node()));
        let there = Node::new(Sessions::builder().clock(clocks[1].clone()).store(calls.clone()));
        let [first, second] = clocks;
        Self { clocks: [store_clock, first, second], nodes: [here, there], calls }
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

const APART: [[u64; 2]; 4] = [[0, 0], [0, 3], [3, 0], [50, 0]];

#[tokio::test]
async fn r12_what_a_node_sees_that_has_no_copy_counts_for_all() {
    for ahead in APART {
        let apart = Apart::by(ahead);
        let [here, there] = &apart.nodes;
        let mut browser = Browser::new(&here.app);
        browser.post("/login/alice").await.ok();
        for _ in 0..12 {
            apart.advance(IDLE / 3).await;
            browser.at(&there.app).get("/untouched").await.ok();
        }
        apart.advance(secs(1)).await;
        assert_eq!(browser.get("/whoami").await.ok().body, "alice", "{ahead:?}");
        assert_eq!(there.sessions.stats().store_loads, 0, "nothing was read for it");
    }
}

#[tokio::test]
async fn r12_what_a_node_sees_whose_copy_is_out_of_date_counts_for_all() {
    for ahead in APART {
        let apart = Apart::by(ahead);
        let [here, there] = &apart.nodes;
        let mut browser = Browser::new(&here.app);
        browser.post("/login/alice").await.ok();
        assert_eq!(browser.at(&there.app).get("/whoami").await.ok().body, "alice");
        browser.post("/note/news").await.ok();
        for _ in 0..12 {
            apart.advance(IDLE / 3).await;
            browser.at(&there.app).get("/untouched").await.ok();
        }
        apart.advance(secs(1)).await;
        assert_eq!(browser.get("/whoami").await.ok().body, "alice", "{ahead:?}");
    }
}

#[tokio::test]
async fn r12_activity_without_a_copy_is_reported_ten_times_per_idle_timeout_and_no_oftener() {
    let apart = Apart::by([0, 3]);
    let [here, there] = &apart.nodes;
    let mut browser = Browser::new(&here.app);
    browser.post("/login/alice").await.ok();
    for _ in 0..400 {
        apart.advance(IDLE / 200).await;
        browser.at(&there.app).get("/untouched").await.ok();
    }
    apart.advance(secs(1)).await;
    let touches = apart.touches();
    assert!((18..=21).contains(&touches), "{touches} in two idle timeouts");
}

#[tokio::test]
async fn r12_a_request_that_reads_its_session_is_reported_once() {
    let apart = Apart::by([0, 0]);
    let [here, there] = &apart.nodes;
    let mut browser = Browser::new(&here.app);
    browser.post("/login/alice").await.ok();
    apart.advance(IDLE / 2).await;
    assert_eq!(browser.at(&there.app).get("/whoami").await.ok().body, "alice");
    apart.advance(secs(1)).await;
    assert_eq!(apart.touches(), 1);
}

/// Sends this cookie to a node without a copy three times per idle timeout, and answers who its session is after two.
async fn kept_by(forge: impl Fn(&Browser) -> String, before: &str) -> String {
    let apart = Apart::by([0, 0]);
    let [here, there] = &apart.nodes;
    let mut browser = Browser::new(&here.app);
    browser.post("/login/alice").await.ok();
    let shown = forge(&browser);
    if !before.is_empty() {
        browser.post(before).await.ok();
    }
    for _ in 0..6 {
        apart.advance(IDLE / 3).await;
        Browser::holding(&there.app, shown.clone()).get("/untouched").await.ok();
    }
    apart.advance(secs(1)).await;
    browser.get("/whoami").await.ok().body
}

#[tokio::test]
async fn nobody_keeps_a_session_alive_who_knows_only_its_tag_or_a_dead_secret() {
    let tag_only = |browser: &Browser| {
        let mut bytes = decode(&browser.ticket());
        bytes[16..].fill(7);
        crate::support::canonical(&bytes)
    };
    assert_eq!(kept_by(tag_only, "").await, "nobody");
    for replaced in ["/login/alice", "/do/rotate"] {
        assert_eq!(kept_by(Browser::ticket, replaced).await, "nobody", "replaced by {replaced}");
    }
    // Its grace is half a minute, and over long before the first touch.
    assert_eq!(kept_by(Browser::ticket, "/do/renew").await, "nobody");
    assert_eq!(kept_by(Browser::ticket, "").await, "alice", "while the token itself does");
}

#[tokio::test]
async fn a_flood_of_made_up_tokens_takes_bounded_work_and_no_visitor_s_place() {
    let apart = Apart::by([0, 0]);
    let [here, there] = &apart.nodes;
    let mut browser = Browser::new(&here.app);
    browser.post("/login/alice").await.ok();
    for round in 0..4 {
        apart.advance(IDLE / 3).await;
        // Who knows the tag cannot use up its owner's turn to be reported.
        let mut bytes = decode(&browser.ticket());
        bytes[16..].fill(round);
        Browser::holding(&there.app, crate::support::canonical(&bytes)).get("/untouched").await.ok();
        for number in 0..5000 {
            Browser::holding(&there.app, invented(u64::from(round) << 32 | number)).get("/untouched").await.ok();
        }
        browser.at(&there.app).get("/untouched").await.ok();
        apart.touches();
        there.sessions.run_pending_tasks().await;
        let touches = apart.touches();
        assert!(touches <= 4096, "{touches} touches in a round");
        there.sessions.run_pending_tasks().await;
    }
    apart.advance(secs(1)).await;
    assert_eq!(browser.get("/whoami").await.ok().body, "alice");
    assert_eq!(there.sessions.stats().sessions, 0, "nothing is kept of them");
}

#[tokio::test]
async fn a_store_that_is_away_is_told_later_of_what_was_seen_without_a_copy() {
    let deployment = Deployment::shared();
    let here = deployment.node();
    let (store, there) = deployment.faulty_node();
    let mut browser = Browser::new(&here.app);
    browser.post("/login/alice").await.ok();
    deployment.clock.advance(IDLE / 2);
    browser.at(&there.app).get("/untouched").await.ok();
    store.fail_next(cloakroom_testkit::Verb::Touch, cloakroom::store::StoreErrorKind::Unavailable);
    there.sessions.run_pending_tasks().await;
    there.sessions.run_pending_tasks().await;
    deployment.clock.advance(IDLE - secs(1));
    assert_eq!(browser.at(&deployment.node().app).get("/whoami").await.ok().body, "alice");
}
