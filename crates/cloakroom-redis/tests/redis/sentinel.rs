//! Sentinels choose another master while a client goes on.

use std::time::Duration;

use cloakroom::{SessionErrorKind, Sessions};
use cloakroom_redis::RedisStore;
use cloakroom_testbed::Sentinels;

use crate::ground::LEASE;
use crate::support::{Count, LIMIT, NAMESPACE, Visitor, until};

async fn add(sessions: &Sessions, visitor: &Visitor) -> Result<u64, SessionErrorKind> {
    let visit = visitor.enter(sessions);
    let count = |count: &mut Count| {
        count.0 += 1;
        count.0
    };
    let outcome = visit.update(count).await;
    visit.leave().await;
    outcome.map_err(|error| error.kind())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_dies_is_replaced_and_what_was_lost_with_it_is_noticed() {
    let sentinels = Sentinels::start().await.unwrap();
    let builder = || RedisStore::builder(NAMESPACE).sentinels(sentinels.urls(), sentinels.master_name()).lease(LEASE);
    let sessions = Sessions::builder().store(builder().connect().await.unwrap()).build().unwrap();
    let alice = Visitor::default();
    let mut acknowledged = 0;
    for _ in 0..50 {
        add(&sessions, &alice).await.unwrap();
        acknowledged += 1;
    }
    let mut unknown = 0;
    let failover = sentinels.kill_master();
    tokio::pin!(failover);
    let new = loop {
        tokio::select! {
            new = &mut failover => break new.unwrap(),
            outcome = add(&sessions, &alice) => match outcome {
                Ok(_) => acknowledged += 1,
                Err(SessionErrorKind::OutcomeUnknown) => unknown += 1,
                Err(kind) => {
                    assert_eq!(kind, SessionErrorKind::StoreUnavailable, "never an empty session");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    };
    tokio::time::timeout(LIMIT, async {
        until("the client gets on", async || add(&sessions, &alice).await.is_ok()).await;
        acknowledged += 1;
    })
    .await
    .expect("the new master is found");
    let counted = add(&sessions, &alice).await.unwrap();
    acknowledged += 1;
    // A request that was dropped when the failover was through may have been done.
    assert!(counted <= acknowledged + unknown + 1, "{counted} of {acknowledged} and {unknown}");
    let lost = acknowledged.saturating_sub(counted);
    assert!(lost == 0 || sessions.stats().rollbacks > 0, "{lost} lost without a word");

    // The old one comes back, is made a replica, and is nobody's master.
    let old = sentinels.servers().iter().find(|server| !server.is_running()).unwrap();
    assert_ne!(old.port(), new.port());
    old.restart().await.unwrap();
    for _ in 0..10 {
        let before = add(&sessions, &alice).await.unwrap();
        assert_eq!(add(&sessions, &alice).await.unwrap(), before + 1);
    }
    let late = Sessions::builder().store(builder().connect().await.unwrap()).build().unwrap();
    assert!(add(&late, &alice).await.unwrap() > counted, "and a new node finds the right one");
}

#[tokio::test]
async fn a_name_that_the_sentinels_do_not_know_is_said_at_once() {
    let sentinels = Sentinels::builder().replicas(0).start().await.unwrap();
    let builder = RedisStore::builder(NAMESPACE).sentinels(sentinels.urls(), "nobody");
    let error = builder.deadline(Duration::from_millis(500)).connect().await.unwrap_err();
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}
