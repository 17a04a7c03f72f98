//! Hits and misses of each tier.

use cloakroom::store::StoreErrorKind;
use cloakroom::{Sessions, Stats};
use cloakroom_testkit::Verb;

use crate::support::{Deployment, in_memory, read, shopper};
use crate::visitor::Visitor;

/// Local hits, local negative hits, local misses; hits and misses of the store.
fn lookups(sessions: &Sessions) -> [u64; 5] {
    let Stats { local_hits, local_negative_hits, local_misses, store_hits, store_misses, .. } = sessions.stats();
    [local_hits, local_negative_hits, local_misses, store_hits, store_misses]
}

#[tokio::test]
async fn a_request_counts_one_hit_however_often_it_uses_its_session() {
    let sessions = in_memory();
    let visitor = shopper(&sessions).await;
    assert_eq!(lookups(&sessions), [0; 5], "the session was created");
    let visit = visitor.enter(&sessions);
    visit.get::<crate::support::Cart>().await.unwrap();
    visit.get::<crate::support::Cart>().await.unwrap();
    visit.update(|cart: &mut crate::support::Cart| cart.0 += 1).await.unwrap();
    visit.leave().await;
    assert_eq!(lookups(&sessions), [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_request_that_does_not_use_its_session_counts_nothing() {
    let sessions = in_memory();
    let visitor = shopper(&sessions).await;
    visitor.enter(&sessions).leave().await;
    assert_eq!(lookups(&sessions), [0; 5]);
}

#[tokio::test]
async fn in_memory_an_unknown_token_is_a_negative_hit() {
    let (first, second) = (in_memory(), in_memory());
    let visitor = shopper(&first).await;
    assert_eq!(read(&visitor, &second).await, None);
    assert_eq!(lookups(&second), [0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn a_node_misses_a_session_once_and_then_hits_it() {
    let deployment = Deployment::new();
    let (here, there) = (deployment.sessions(), deployment.other_node());
    let visitor = shopper(&here).await;
    assert_eq!(read(&visitor, &there).await, Some(1));
    assert_eq!(lookups(&there), [0, 0, 1, 1, 0]);
    assert_eq!(read(&visitor, &there).await, Some(1));
    assert_eq!(lookups(&there), [1, 0, 1, 1, 0]);
}

#[tokio::test]
async fn a_token_that_the_store_does_not_know_is_a_miss_of_both_tiers() {
    let (deployment, other) = (Deployment::new(), Deployment::new());
    let stranger = shopper(&other.sessions()).await;
    let sessions = deployment.sessions();
    assert_eq!(read(&stranger, &sessions).await, None);
    assert_eq!(lookups(&sessions), [0, 0, 1, 0, 1]);
}

#[tokio::test]
async fn a_replaced_token_is_asked_about_once_and_is_then_a_negative_hit() {
    let deployment = Deployment::new();
    let (here, there) = (deployment.sessions(), deployment.other_node());
    let visitor = shopper(&here).await;
    let thief = Visitor::with_cookie(visitor.cookie());
    let visit = visitor.enter(&here);
    visit.login("alice").await.unwrap();
    visit.leave().await;
    assert_eq!(read(&thief, &there).await, None);
    assert_eq!(lookups(&there), [0, 0, 1, 1, 0]);
    assert_eq!(read(&thief, &there).await, None);
    assert_eq!(lookups(&there), [0, 1, 1, 1, 0]);
}

#[tokio::test]
async fn a_read_that_fails_is_neither_a_hit_nor_a_miss_of_the_store() {
    let deployment = Deployment::new();
    let visitor = shopper(&deployment.other_node()).await;
    let sessions = deployment.sessions();
    deployment.store.fail_next(Verb::Load, StoreErrorKind::Unavailable);
    let visit = visitor.enter(&sessions);
    visit.get::<crate::support::Cart>().await.unwrap_err();
    assert_eq!(lookups(&sessions), [0, 0, 1, 0, 0]);
    assert_eq!(sessions.stats().store_loads, 1);
    assert_eq!(sessions.stats().store_errors, 1);
}
