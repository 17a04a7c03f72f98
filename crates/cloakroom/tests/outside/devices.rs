//! Streams of a principal's list of sessions.

use std::time::Duration;

use cloakroom::store::StoreErrorKind;
use cloakroom::{Login, SessionsWatch};
use cloakroom_testkit::{Call, SpyStore, Verb};

use crate::support::{Deployment, assert_quiet, log_in, shopper, within};
use crate::visitor::Visitor;

const SECOND: Duration = Duration::from_secs(1);

async fn next(lists: &mut SessionsWatch) -> usize {
    within(lists.next()).await.unwrap().unwrap().len()
}

#[tokio::test]
async fn the_list_follows_logins_and_ends_on_this_node_at_once() {
    for deployment in Deployment::both() {
        let [here, _] = deployment.nodes();
        let mut lists = here.of("alice").watch();
        assert_eq!(next(&mut lists).await, 0);
        assert_quiet(lists.next()).await;
        let (first, second) = (Visitor::default(), Visitor::default());
        log_in(&first, &here, "alice").await;
        assert_eq!(next(&mut lists).await, 1);
        log_in(&second, &here, "alice").await;
        assert_eq!(next(&mut lists).await, 2);
        // Neither another principal nor another value is a change.
        log_in(&Visitor::default(), &here, "bob").await;
        shopper(&here).await;
        assert_quiet(lists.next()).await;
        let visit = first.enter(&here);
        visit.destroy().await.unwrap();
        visit.leave().await;
        assert_eq!(next(&mut lists).await, 1);
        // A session that changes hands leaves the list of its former principal.
        log_in(&second, &here, "bob").await;
        assert_eq!(next(&mut lists).await, 0);
        assert_quiet(lists.next()).await;
    }
}

#[tokio::test]
async fn a_login_or_an_end_on_another_node_is_found_within_a_second() {
    let deployment = Deployment::shared();
    let [here, there] = deployment.nodes();
    let mut lists = here.of("alice").watch();
    assert_eq!(next(&mut lists).await, 0);
    assert_quiet(lists.next()).await;
    let visitor = Visitor::default();
    let visit = visitor.enter(&there);
    visit.login(Login::new("alice").label("Firefox")).await.unwrap();
    visit.leave().await;
    deployment.clock.advance(SECOND);
    assert_eq!(next(&mut lists).await, 1);
    assert_quiet(lists.next()).await;
    there.of("alice").revoke_all().await.unwrap();
    deployment.clock.advance(SECOND);
    assert_eq!(next(&mut lists).await, 0);
}

#[tokio::test]
async fn a_session_that_falls_idle_leaves_the_list() {
    for deployment in Deployment::both() {
        let [here, _] = deployment.nodes();
        log_in(&Visitor::default(), &here, "alice").await;
        let mut lists = here.of("alice").watch();
        assert_eq!(next(&mut lists).await, 1);
        assert_quiet(lists.next()).await;
        deployment.clock.advance(Duration::from_secs(34 * 60));
        here.run_pending_tasks().await;
        assert_eq!(next(&mut lists).await, 0);
    }
}

/// The clock moves by less than the time between two reads of the list.
#[tokio::test]
async fn a_session_of_another_node_leaves_the_list_at_the_moment_it_expires() {
    let deployment = Deployment::shared();
    let [here, there] = deployment.nodes();
    log_in(&Visitor::default(), &there, "alice").await;
    deployment.clock.advance(Duration::from_secs(33 * 60) - SECOND / 2);
    let mut lists = here.of("alice").watch();
    assert_eq!(next(&mut lists).await, 1);
    deployment.clock.advance(SECOND / 2 - Duration::from_millis(1));
    assert_quiet(lists.next()).await;
    deployment.clock.advance(Duration::from_millis(1));
    assert_eq!(next(&mut lists).await, 0);
}

/// The end of the last list that could be read is over, which must not make the reads more frequent.
#[tokio::test]
async fn a_list_that_cannot_be_read_is_tried_once_per_second_after_its_end() {
    let deployment = Deployment::shared();
    let (store, here) = deployment.faulty_node();
    log_in(&Visitor::default(), &here, "alice").await;
    let mut lists = here.of("alice").watch();
    assert_eq!(next(&mut lists).await, 1);
    store.fail_all(StoreErrorKind::Unavailable);
    deployment.clock.advance(Duration::from_secs(34 * 60));
    assert_quiet(lists.next()).await;
    let errors = here.stats().store_errors;
    assert_quiet(lists.next()).await;
    assert_eq!(here.stats().store_errors, errors);
    store.reset();
    deployment.clock.advance(SECOND);
    assert_eq!(next(&mut lists).await, 0);
}

#[tokio::test]
async fn the_list_waits_while_the_store_is_away() {
    let deployment = Deployment::shared();
    let (store, here) = deployment.faulty_node();
    let [there, _] = deployment.nodes();
    let mut lists = here.of("alice").watch();
    assert_eq!(next(&mut lists).await, 0);
    store.fail_all(StoreErrorKind::Unavailable);
    log_in(&Visitor::default(), &there, "alice").await;
    assert_quiet(lists.next()).await;
    store.reset();
    deployment.clock.advance(SECOND);
    assert_eq!(next(&mut lists).await, 1);
}

#[tokio::test]
async fn the_store_is_asked_once_per_second_while_somebody_watches() {
    let deployment = Deployment::shared();
    let store = SpyStore::new(deployment.store.as_ref().unwrap().node());
    let here = deployment.builder().store(store.clone()).build().unwrap();
    log_in(&Visitor::default(), &here, "alice").await;
    let mut lists = here.of("alice").watch();
    assert_eq!(next(&mut lists).await, 1);
    assert_quiet(lists.next()).await;
    store.take_calls();
    for _ in 0..5 {
        deployment.clock.advance(SECOND);
        assert_quiet(lists.next()).await;
    }
    assert_eq!(store.take_calls(), [Call::ListMembers; 5]);
    drop(lists);
    deployment.clock.advance(SECOND);
    log_in(&Visitor::default(), &here, "alice").await;
    assert_eq!(store.count(Verb::ListMembers), 0);
}
