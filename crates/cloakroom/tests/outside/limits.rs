//! What streams take, and what they give back.

use std::time::Duration;

use cloakroom::SessionErrorKind;
use cloakroom_testkit::Verb;

use crate::support::{Cart, Deployment, add, next, open, shopper};
use crate::visitor::Visitor;

#[tokio::test]
async fn a_session_has_a_limited_number_of_streams_and_dropping_one_makes_room() {
    for deployment in Deployment::both() {
        let sessions = deployment.builder().max_watches_per_session(3).build().unwrap();
        let visitor = shopper(&sessions).await;
        let session = open(&visitor, &sessions).await;
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push(session.watch::<Cart>().await.unwrap());
        }
        assert_eq!(session.watch::<Cart>().await.unwrap_err().kind(), SessionErrorKind::TooManyWatches);
        // Another session has streams of its own.
        let other = shopper(&sessions).await;
        drop(open(&other, &sessions).await.watch::<Cart>().await.unwrap());
        streams.pop();
        let mut again = session.watch::<Cart>().await.unwrap();
        assert_eq!(next(&mut again).await, Some(1));
    }
    let error = Deployment::local().builder().max_watches_per_session(0).build().unwrap_err();
    assert!(error.to_string().contains("max_watches_per_session"), "{error}");
}

#[tokio::test]
async fn a_watched_copy_stays_in_memory_until_the_stream_is_dropped() {
    let deployment = Deployment::shared();
    let [here, there] = deployment.nodes();
    let visitor = shopper(&there).await;
    let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
    assert_eq!(next(&mut carts).await, Some(1));
    let idle = async || {
        for _ in 0..4 {
            deployment.clock.advance(Duration::from_secs(30));
            here.run_pending_tasks().await;
        }
    };
    deployment.store.as_ref().unwrap().flush();
    idle().await;
    let visitor = shopper(&there).await;
    let carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
    add(&visitor, &there).await;
    idle().await;
    assert_eq!(here.stats().sessions, 1, "it is watched");
    drop(carts);
    idle().await;
    assert_eq!(here.stats().sessions, 0, "nobody watches it");
}

#[tokio::test]
async fn a_full_memory_does_not_stop_a_stream() {
    let deployment = Deployment::shared();
    let [there, _] = deployment.nodes();
    let smallest = 1 << 20;
    let here = deployment.builder().memory_limit(smallest).build().unwrap();
    let visitor = shopper(&there).await;
    let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
    assert_eq!(next(&mut carts).await, Some(1));
    for _ in 0..4000 {
        shopper(&here).await;
    }
    add(&visitor, &there).await;
    assert_eq!(next(&mut carts).await, Some(2));
}

#[tokio::test]
async fn a_stream_that_is_never_read_costs_no_calls_of_the_store() {
    let deployment = Deployment::shared();
    let [there, _] = deployment.nodes();
    let store = cloakroom_testkit::SpyStore::new(deployment.store.as_ref().unwrap().node());
    let here = deployment.builder().store(store.clone()).build().unwrap();
    let visitor = shopper(&there).await;
    let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
    assert_eq!(next(&mut carts).await, Some(1));
    let before = store.count(Verb::Load);
    for _ in 0..100 {
        add(&visitor, &there).await;
    }
    assert_eq!(store.count(Verb::Load), before, "it skips versions without reading them");
    assert_eq!(next(&mut carts).await, Some(101));
    assert_eq!(store.count(Verb::Load), before + 1);
}

#[tokio::test]
async fn however_many_streams_follow_a_session_a_change_costs_one_read_per_node() {
    let deployment = Deployment::shared();
    let [there, _] = deployment.nodes();
    let store = cloakroom_testkit::SpyStore::new(deployment.store.as_ref().unwrap().node());
    let here = deployment.builder().store(store.clone()).build().unwrap();
    let visitor = shopper(&there).await;
    let session = open(&visitor, &here).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(session.watch::<Cart>().await.unwrap());
    }
    for carts in &mut streams {
        assert_eq!(next(carts).await, Some(1));
    }
    let before = store.count(Verb::Load);
    add(&visitor, &there).await;
    for carts in &mut streams {
        assert_eq!(next(carts).await, Some(2));
    }
    assert_eq!(store.count(Verb::Load), before + 1);
}

#[tokio::test]
async fn a_start_that_is_cancelled_leaves_nothing_behind() {
    let deployment = Deployment::shared();
    let (store, here) = deployment.faulty_node();
    let [there, _] = deployment.nodes();
    let visitor: Visitor = shopper(&there).await;
    let id = open(&visitor, &there).await.public_id().await.unwrap().unwrap();
    let session = here.by_id(id).await.unwrap().unwrap();
    add(&visitor, &there).await;
    let gate = store.delay_next(Verb::Load);
    let start = tokio::spawn(async move { session.watch::<Cart>().await.map(drop) });
    assert!(gate.arrived().await);
    start.abort();
    assert!(start.await.unwrap_err().is_cancelled());
    for _ in 0..4 {
        deployment.clock.advance(Duration::from_secs(30));
        here.run_pending_tasks().await;
    }
    assert_eq!(here.stats().sessions, 0);
}
