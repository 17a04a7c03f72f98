//! Lifetimes that are ignored, and memory that is never freed.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use cloakroom::Session;

use crate::support::{Browser, Deployment, Node, Theme, minutes};

#[tokio::test]
async fn t10_e6_p08_expired_sessions_leave_memory_without_a_request() {
    let deployment = Deployment::local();
    let node = deployment.node();
    for _ in 0..10_000 {
        Browser::new(&node.app).post("/count").await.ok();
    }
    assert_eq!(node.sessions.stats().sessions, 10_000);
    deployment.clock.advance(minutes(31));
    node.sessions.run_pending_tasks().await;
    let stats = node.sessions.stats();
    assert_eq!((stats.sessions, stats.bytes, stats.ended_idle), (0, 0, 10_000));
}

#[tokio::test]
async fn t13_a_remembered_session_stays_remembered_whatever_other_requests_do() {
    for deployment in Deployment::local_and_skewed() {
        let [first, second] = deployment.nodes();
        let mut browser = Browser::new(&first.app);
        browser.post("/login-remembered/alice").await.ok();
        browser.post("/note/changed").await.ok();
        browser.post("/do/renew").await.ok();
        deployment.clock.advance(minutes(60 * 24 * 29));
        first.sessions.run_pending_tasks().await;
        assert_eq!(browser.at(&second.app).get("/note").await.body, "changed");
    }
}

#[tokio::test]
async fn a08_a_session_in_constant_use_still_reaches_its_absolute_timeout() {
    for deployment in Deployment::both() {
        let node = Node::new(deployment.builder().absolute_timeout(minutes(60)));
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        for _ in 0..6 {
            assert_eq!(browser.get("/whoami").await.body, "alice");
            deployment.clock.advance(minutes(10));
            node.sessions.run_pending_tasks().await;
        }
        assert_eq!(browser.get("/whoami").await.body, "nobody");
    }
}

#[tokio::test]
async fn a09_every_sessions_instance_of_a_process_is_cleaned_up() {
    let deployment = Deployment::local();
    let (shop, admin) = (deployment.node(), deployment.node());
    for node in [&shop, &admin] {
        Browser::new(&node.app).post("/count").await.ok();
    }
    // Lets the background tasks start and begin to sleep.
    tokio::task::yield_now().await;
    deployment.clock.advance(minutes(31));
    // The clock wakes them; the test does not call `run_pending_tasks`.
    for node in [&shop, &admin] {
        let mut polls = 0;
        while node.sessions.stats().sessions > 0 {
            assert!(polls < 10_000, "the background task never ran");
            polls += 1;
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn r10_live_sessions_are_not_dropped_by_number() {
    let node = Deployment::local().node();
    let mut first = Browser::new(&node.app);
    first.post("/note/first").await.ok();
    for _ in 0..12_000 {
        Browser::new(&node.app).post("/count").await.ok();
    }
    assert_eq!(first.get("/note").await.body, "first");
    assert_eq!(node.sessions.stats().ended_evicted, 0);
}

#[tokio::test]
async fn l1_a_value_that_every_request_needs_is_loaded_once() {
    for deployment in Deployment::both() {
        let loads = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&loads);
        let load = get(async move |session: Session| {
            let counter = Arc::clone(&counter);
            let theme = session.get_or_load(move || async move {
                counter.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Theme("dark".into()))
            });
            Ok::<_, cloakroom::SessionError>(theme.await?.0.clone())
        });
        let routes = || crate::support::routes().route("/load", load.clone());
        let node = Node::with_routes(deployment.builder(), routes());
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        for _ in 0..20 {
            assert_eq!(browser.get("/load").await.ok().body, "dark");
        }
        assert_eq!(loads.load(Ordering::Relaxed), 1);
    }
}
