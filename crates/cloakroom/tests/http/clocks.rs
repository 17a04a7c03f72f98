//! R15: a clock that jumps extends no session and breaks nothing.

use cloakroom::{Clock, Timestamp};
use cloakroom_testkit::{ManualClock, MemoryStore};
use http::StatusCode;

use crate::support::{Browser, Deployment, Node, VERBS, minutes, secs};

#[tokio::test]
async fn r15_no_jump_of_the_clock_panics_or_keeps_a_session_past_its_absolute_end() {
    for deployment in Deployment::both() {
        let start = deployment.clock.now().as_millis();
        let hour = minutes(60).as_millis() as u64;
        for jump in [start - hour, start + hour, 0, 1, u64::MAX, u64::MAX - 1, start + 24 * hour] {
            deployment.clock.set(Timestamp::from_millis(start));
            let node = deployment.node();
            let mut browser = Browser::new(&node.app);
            browser.post("/login/alice").await.ok();
            deployment.clock.set(Timestamp::from_millis(jump));
            for verb in VERBS {
                Browser::holding(&node.app, browser.bare_token()).post(&format!("/do/{verb}")).await;
            }
            node.sessions.run_pending_tasks().await;
            assert!(node.sessions.of("alice").list().await.is_ok());
            deployment.clock.set(Timestamp::from_millis(start + 24 * hour));
            assert_eq!(browser.get("/whoami").await.ok().body, "nobody", "after a jump to {jump}");
            deployment.clock.set(Timestamp::from_millis(start));
        }
    }
}

#[tokio::test]
async fn r15_a_session_from_the_future_is_refused() {
    for deployment in Deployment::both() {
        let start = deployment.clock.now();
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        deployment.clock.set(Timestamp::from_millis(start.as_millis() - 59_000));
        assert_eq!(browser.get("/note").await.ok().body, "mine", "a small difference between clocks is tolerated");
        deployment.clock.set(Timestamp::from_millis(start.as_millis() - 61_000));
        assert_eq!(browser.get("/note").await.ok().body, "nothing");
        assert_eq!(browser.post("/count").await.set_cookie(), None);
        deployment.clock.set(start);
        assert_eq!(browser.get("/note").await.ok().body, "mine", "a refused session has not ended");
    }
}

#[tokio::test]
async fn r15_setting_the_clock_back_does_not_make_a_session_look_more_recent() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        deployment.clock.advance(minutes(10));
        browser.get("/note").await.ok();
        let seen = deployment.clock.now();
        for _ in 0..10 {
            deployment.clock.set(Timestamp::from_millis(seen.as_millis() - 50_000));
            browser.get("/note").await.ok();
            node.sessions.run_pending_tasks().await;
            deployment.clock.set(seen);
        }
        deployment.clock.advance(minutes(if deployment.store.is_some() { 33 } else { 30 }));
        assert_eq!(browser.get("/note").await.ok().body, "nothing");
    }
}

#[tokio::test]
async fn r15_a_node_whose_clock_lags_cannot_keep_a_session_that_the_store_has_ended() {
    let store_clock = ManualClock::new();
    let node_clock = ManualClock::new();
    let store = MemoryStore::with_clock(store_clock.clone());
    let new_node = || Node::new(crate::support::recorded().clock(node_clock.clone()).store(store.node()));
    let mut browser = Browser::new(&new_node().app);
    browser.post("/login/alice").await.ok();
    store_clock.advance(minutes(24 * 60));
    let mut other_node = browser.at(&new_node().app);
    assert_eq!(other_node.get("/whoami").await.ok().body, "nobody");
    assert_eq!(browser.post("/note/late").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
}

#[tokio::test]
async fn r15_a_clock_at_the_end_of_time_still_serves() {
    for deployment in Deployment::both() {
        deployment.clock.set(Timestamp::MAX);
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        for path in ["/note/mine", "/login/alice", "/do/renew", "/do/remember", "/do/load", "/do/expires-at"] {
            browser.post(path).await;
        }
        deployment.clock.advance(secs(1));
        node.sessions.run_pending_tasks().await;
        browser.get("/note").await.ok();
    }
}
