//! The server changes: it is demoted, flushed, or restored to an older state.

use std::time::Duration;

use cloakroom::{EventKind, RollbackPolicy, SessionErrorKind};

use crate::support::{Deployment, Node, Visitor, key, selector_of, until, without_hint};

const LEASE: Duration = Duration::from_millis(400);

#[tokio::test]
async fn race_15_a_server_that_is_no_master_any_more_vouches_for_nothing_though_it_answers() {
    let deployment = Deployment::open().await;
    let node = deployment.node_with(|store| store.lease(LEASE).deadline(LEASE), |sessions| sessions).await;
    let alice = Visitor::default();
    node.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    assert_eq!(node.count(&stranger).await.unwrap(), Some(1));
    // A replica of an unreachable master keeps its data, answers every read, and sends no
    // invalidation.
    deployment.server.command(&["REPLICAOF", "127.0.0.1", "1"]).await.unwrap();
    until("the node rejects its replies", async || node.count(&stranger).await.is_err()).await;
    let error = node.count(&stranger).await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::StoreUnavailable);
    deployment.server.command(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
    until("it is the master again", async || node.count(&stranger).await.is_ok()).await;
    assert_eq!(node.count(&stranger).await.unwrap(), Some(1));
}

#[tokio::test]
async fn race_16_a_flush_reaches_every_copy() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    for flush in ["FLUSHALL", "FLUSHDB"] {
        let visitors: Vec<_> = (0..5).map(|_| Visitor::default()).collect();
        for visitor in &visitors {
            a.add(visitor).await.unwrap();
            assert_eq!(b.count(visitor).await.unwrap(), Some(1));
        }
        deployment.server.command(&[flush]).await.unwrap();
        for node in [&a, &b] {
            for visitor in &visitors {
                let stranger = Visitor::with_cookie(visitor.cookie());
                until("the session is gone", async || node.count(&stranger).await.unwrap().is_none()).await;
            }
        }
    }
}

/// A state in which alice has seen a write that the server lost, and another write has its version
/// number.
async fn restore_older_record(deployment: &Deployment, a: &Node) -> Visitor {
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let key = key(&selector_of(&alice));
    let copy = deployment.server.command(&["DUMP", &key]).await.unwrap();
    let redis::Value::BulkString(copy) = copy else { panic!("{copy:?}") };
    a.add(&alice).await.unwrap();
    let mut restore = redis::cmd("RESTORE");
    restore.arg(&key).arg(60_000).arg(copy).arg("REPLACE");
    deployment.server.query(&restore).await.unwrap();
    let tab = without_hint(&alice);
    until("the node has noticed the older record", async || a.count(&tab).await.unwrap() == Some(1)).await;
    a.write(&without_hint(&alice), "instead").await.unwrap();
    alice
}

/// Both masters acknowledge a write of one value; the write of the first one is lost.
#[tokio::test]
async fn race_14_what_the_server_lost_is_neither_served_nor_written_back() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let (key, tab) = (key(&selector_of(&alice)), without_hint(&alice));
    let redis::Value::BulkString(copy) = deployment.server.command(&["DUMP", &key]).await.unwrap() else {
        panic!("no copy")
    };
    a.write(&alice, "lost").await.unwrap();
    assert_eq!(a.note(&alice).await.unwrap().as_deref(), Some("lost"));
    let mut restore = redis::cmd("RESTORE");
    restore.arg(&key).arg(60_000).arg(copy).arg("REPLACE");
    deployment.server.query(&restore).await.unwrap();
    b.write(&tab, "kept").await.unwrap();
    for _ in 0..3 {
        b.add(&tab).await.unwrap();
    }
    let shown = async || a.note(&tab).await.unwrap().as_deref() == Some("kept");
    until("the node serves what the new master has acknowledged", shown).await;
    assert_eq!(a.add(&tab).await.unwrap(), 5);
    assert_eq!(b.note(&tab).await.unwrap().as_deref(), Some("kept"), "nothing was written back");
    assert_eq!(a.sessions.stats().rollbacks, 1, "the loss is reported, although the record has a newer version number");
}

#[tokio::test]
async fn race_14_a_version_that_the_server_has_lost_is_noticed_though_others_went_on() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = restore_older_record(&deployment, &a).await;
    let mut events = b.sessions.events();
    assert_eq!(b.count(&alice).await.unwrap(), Some(1), "the lost write is not restored");
    assert_eq!(b.sessions.stats().rollbacks, 1, "the loss is detected");
    let shown = std::iter::from_fn(|| events.try_recv()).any(|event| event.kind == EventKind::RolledBack);
    assert!(shown);
    assert_eq!(b.count(&alice).await.unwrap(), Some(1));
    assert_eq!(b.sessions.stats().rollbacks, 1, "it is counted once for each client");
}

#[tokio::test]
async fn race_14_a_session_from_the_past_may_be_refused() {
    let (deployment, a, _b) = Deployment::with_two_nodes().await;
    let alice = restore_older_record(&deployment, &a).await;
    let strict = deployment.node_with(|s| s, |sessions| sessions.on_rollback(RollbackPolicy::Reauthenticate)).await;
    for _ in 0..2 {
        assert_eq!(strict.count(&alice).await.unwrap(), None);
        assert!(alice.cookie().is_some());
    }
}
