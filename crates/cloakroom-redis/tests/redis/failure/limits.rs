//! The server is slow or out of memory.

use std::time::{Duration, Instant};

use cloakroom::SessionErrorKind;
use cloakroom::store::StoreErrorKind;
use cloakroom_testbed::Direction::{ToClient, ToServer};

use crate::support::{Deployment, Visitor, until};

#[tokio::test]
async fn r63_a_slow_link_costs_those_who_ask_one_round_trip_and_the_others_nothing() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let trip = Duration::from_millis(400);
    b.proxy.delay(ToServer, trip / 2);
    b.proxy.delay(ToClient, trip / 2);
    let began = Instant::now();
    assert_eq!(b.count(&alice).await.unwrap(), Some(1));
    assert!((trip..trip * 2).contains(&began.elapsed()), "a miss: {:?}", began.elapsed());
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(b.count(&alice).await.unwrap(), Some(1));
    }
    assert!(began.elapsed() < trip, "a hundred hits: {:?}", began.elapsed());
    let began = Instant::now();
    assert_eq!(b.add(&alice).await.unwrap(), 2);
    assert!((trip..trip * 2).contains(&began.elapsed()), "an update: {:?}", began.elapsed());
}

#[tokio::test]
async fn r63_a_link_slower_than_the_deadline_is_an_error_in_time_and_not_the_end() {
    let deployment = Deployment::open().await;
    let deadline = Duration::from_millis(100);
    let node = deployment.node_with(|store| store.deadline(deadline), |sessions| sessions).await;
    let alice = Visitor::default();
    node.add(&alice).await.unwrap();
    node.proxy.delay(ToClient, deadline * 3);
    let began = Instant::now();
    let error = node.add(&alice).await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::OutcomeUnknown, "the write may have succeeded");
    assert!(began.elapsed() < deadline * 5, "{:?}", began.elapsed());
    node.proxy.pass();
    until("the node serves again", async || node.count(&alice).await.is_ok()).await;
    assert_eq!(node.count(&alice).await.unwrap(), Some(2), "the write took effect once, although it was sent twice");
}

#[tokio::test]
async fn a_server_without_memory_refuses_writes_and_goes_on_with_the_rest() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    let (alice, bob) = (Visitor::default(), Visitor::default());
    a.login(&alice, "alice").await.unwrap();
    a.add(&alice).await.unwrap();
    a.add(&bob).await.unwrap();
    deployment.server.command(&["CONFIG", "SET", "maxmemory", "1"]).await.unwrap();
    for node in [&a, &b] {
        let refused = node.add(&alice).await.unwrap_err();
        assert_eq!(refused.kind(), SessionErrorKind::StoreUnavailable);
        let source = std::error::Error::source(&refused).unwrap().downcast_ref::<cloakroom::store::StoreError>();
        assert_eq!(source.unwrap().kind(), StoreErrorKind::Refused, "nothing was changed: {refused:?}");
        assert_eq!(node.count(&alice).await.unwrap(), Some(1), "reads still succeed");
        assert_eq!(node.whoami(&alice).await.unwrap().as_deref(), Some("alice"));
        let refused = node.add(&Visitor::default()).await.unwrap_err();
        assert_eq!(refused.kind(), SessionErrorKind::StoreUnavailable);
        assert!(node.login(&Visitor::default(), "carol").await.is_err());
    }
    a.destroy(&bob).await.unwrap();
    assert_eq!(b.sessions.of("alice").list().await.unwrap().len(), 1);
    deployment.server.command(&["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
    assert_eq!(a.add(&alice).await.unwrap(), 2, "writes succeed as soon as there is memory");
    b.destroy(&alice).await.unwrap();
    until("nothing is left", async || deployment.keys().await.is_empty()).await;
}
