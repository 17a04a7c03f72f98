//! Streams over a shared tier that fails.

use std::time::Duration;

use cloakroom::store::StoreErrorKind;
use cloakroom::{SessionErrorKind, SessionValue};
use cloakroom_testkit::Verb;
use serde::{Deserialize, Serialize};

use crate::support::{Cart, Deployment, add, assert_quiet, next, open, shopper, within};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_stream_waits_while_the_store_is_away_and_goes_on_with_the_newest() {
    let deployment = Deployment::shared();
    let (store, here) = deployment.faulty_node();
    let [there, _] = deployment.nodes();
    let visitor = shopper(&there).await;
    let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
    assert_eq!(next(&mut carts).await, Some(1));
    store.fail_all(StoreErrorKind::Unavailable);
    for _ in 0..5 {
        add(&visitor, &there).await;
        assert_quiet(carts.next()).await;
        deployment.clock.advance(SECOND);
    }
    store.reset();
    deployment.clock.advance(SECOND);
    assert_eq!(next(&mut carts).await, Some(6));
}

#[tokio::test]
async fn a_change_whose_invalidation_is_lost_is_found_when_the_lease_is_over() {
    let deployment = Deployment::shared();
    let store = deployment.store.as_ref().unwrap().node();
    let here = deployment.builder().store(store.clone()).build().unwrap();
    let [there, _] = deployment.nodes();
    let visitor = shopper(&there).await;
    let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
    assert_eq!(next(&mut carts).await, Some(1));
    store.pause_invalidations();
    add(&visitor, &there).await;
    store.drop_invalidations();
    deployment.clock.advance(SECOND);
    assert_quiet(carts.next()).await;
    store.disconnect();
    assert_eq!(next(&mut carts).await, Some(2));
    // Without a lease no change is reported, and the stream asks once per second.
    assert_quiet(carts.next()).await;
    add(&visitor, &there).await;
    deployment.clock.advance(SECOND);
    assert_eq!(next(&mut carts).await, Some(3));
    store.reconnect();
    deployment.clock.advance(SECOND);
    add(&visitor, &there).await;
    assert_eq!(next(&mut carts).await, Some(4));
}

#[tokio::test]
async fn a_read_that_a_change_overtakes_delivers_that_change() {
    let deployment = Deployment::shared();
    let (store, here) = deployment.faulty_node();
    let [there, _] = deployment.nodes();
    let visitor = shopper(&there).await;
    let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
    assert_eq!(next(&mut carts).await, Some(1));
    add(&visitor, &there).await;
    let gate = store.delay_next(Verb::Load);
    let reader = tokio::spawn(async move {
        let mut last = 1;
        while last < 3 {
            let cart = next(&mut carts).await.unwrap();
            assert!(cart > last, "{cart} after {last}");
            last = cart;
        }
    });
    // The record was read, and its reply is under way.
    assert!(gate.let_act().await);
    add(&visitor, &there).await;
    gate.open();
    within(reader).await.unwrap();
}

/// Another type under the key of the cart.
#[derive(Clone, Debug, Default, Serialize, Deserialize, SessionValue)]
#[session(key = "cart")]
struct Foreign(String);

#[tokio::test]
async fn a_value_that_cannot_be_read_is_an_error_once_and_the_stream_goes_on() {
    // Two processes of different releases.
    let deployment = Deployment::shared();
    let [here, there] = deployment.nodes();
    let visitor = shopper(&there).await;
    let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
    assert_eq!(next(&mut carts).await, Some(1));
    let newer = deployment.builder().build().unwrap();
    for text in ["a", "b"] {
        open(&visitor, &newer).await.set(Foreign(text.to_owned())).await.unwrap();
        if text == "a" {
            let error = within(carts.next()).await.unwrap().unwrap_err();
            assert_eq!(error.kind(), SessionErrorKind::Decode);
        }
        assert_quiet(carts.next()).await;
    }
    open(&visitor, &there).await.set(Cart(9)).await.unwrap();
    assert_eq!(next(&mut carts).await, Some(9));
}
