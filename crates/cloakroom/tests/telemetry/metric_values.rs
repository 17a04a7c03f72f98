//! The numbers that a recorder receives after known actions. Time is that of tokio, which stands
//! still unless all tasks sleep.

use std::time::Duration;

use cloakroom::store::StoreErrorKind;
use cloakroom_testkit::{MemoryStore, Verb};
use metrics_util::debugging::DebuggingRecorder;

use crate::recorder::{taken, values};
use crate::support::{Deployment, add, in_memory, load, read, shopper};

#[tokio::test(start_paused = true)]
async fn a_load_is_measured_in_seconds_with_its_result() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let sessions = in_memory();
    let visit = shopper(&sessions).await.enter(&sessions);
    load(&visit).await.unwrap();
    load(&visit).await.unwrap();
    let taken = taken(&recorder);
    assert_eq!(values(&taken, "cloakroom_load_duration_seconds", &[("result", "ok")]), [0.25], "the second was a hit");
    assert_eq!(values(&taken, "cloakroom_load_duration_seconds", &[]), [0.25]);
}

#[tokio::test(start_paused = true)]
async fn a_call_to_the_store_is_measured_by_operation_and_result() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let deployment = Deployment::new();
    let sessions = deployment.sessions();
    let visitor = shopper(&sessions).await;
    let gate = deployment.store.delay_next(Verb::Commit);
    let change = add(&visitor, &sessions);
    let answer = async {
        assert!(gate.arrived().await);
        tokio::time::sleep(Duration::from_millis(40)).await;
        gate.open();
    };
    tokio::join!(change, answer);
    deployment.store.fail_next(Verb::Commit, StoreErrorKind::Unavailable);
    let visit = visitor.enter(&sessions);
    visit.update(|cart: &mut crate::support::Cart| cart.0 += 1).await.unwrap_err();
    let taken = taken(&recorder);
    let calls = "cloakroom_store_call_duration_seconds";
    assert_eq!(values(&taken, calls, &[("operation", "create")]), [0.0]);
    assert_eq!(values(&taken, calls, &[("operation", "commit"), ("result", "ok")]), [0.04]);
    assert_eq!(values(&taken, calls, &[("operation", "commit"), ("result", "unavailable")]), [0.0]);
    assert_eq!(values(&taken, "cloakroom_commit_duration_seconds", &[("result", "ok")]), [0.04]);
    assert_eq!(values(&taken, "cloakroom_commit_duration_seconds", &[("result", "error")]), [0.0]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_another_request_of_the_session_is_measured() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let deployment = Deployment::new();
    let sessions = deployment.sessions();
    let visitor = shopper(&sessions).await;
    let gate = deployment.store.delay_next(Verb::Commit);
    let answer = async {
        assert!(gate.arrived().await);
        tokio::time::sleep(Duration::from_secs(2)).await;
        gate.open();
    };
    tokio::join!(add(&visitor, &sessions), add(&visitor, &sessions), answer);
    let taken = taken(&recorder);
    assert_eq!(values(&taken, "cloakroom_lock_wait_duration_seconds", &[]), [0.0, 2.0]);
    assert_eq!(values(&taken, "cloakroom_commit_duration_seconds", &[]), [2.0, 2.0], "the wait is part of the commit");
}

#[tokio::test(start_paused = true)]
async fn a_report_of_seen_sessions_is_measured() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let deployment = Deployment::new();
    let sessions = deployment.sessions();
    let visitor = shopper(&sessions).await;
    deployment.clock.advance(Duration::from_secs(600));
    read(&visitor, &sessions).await;
    deployment.store.fail_next(Verb::Touch, StoreErrorKind::Unavailable);
    sessions.run_pending_tasks().await;
    let first = taken(&recorder);
    assert_eq!(values(&first, "cloakroom_touch_duration_seconds", &[("result", "error")]), [0.0]);
    assert_eq!(values(&first, "cloakroom_store_backlog", &[]), [1.0]);
    assert_eq!(values(&first, "cloakroom_store_unavailable", &[]), [1.0]);
    sessions.run_pending_tasks().await;
    let second = taken(&recorder);
    assert_eq!(values(&second, "cloakroom_touch_duration_seconds", &[("result", "ok")]), [0.0]);
    // The recorder forgets with each look, so these are the differences.
    assert_eq!(values(&second, "cloakroom_store_backlog", &[]), [-1.0]);
    assert_eq!(values(&second, "cloakroom_store_unavailable", &[]), [-1.0]);
}

#[tokio::test]
async fn a_node_that_is_cut_off_from_the_changes_of_others_is_seen_without_any_request() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let store = MemoryStore::new();
    let sessions = crate::recording::recorded().store(store.clone()).build().unwrap();
    let lost = || {
        sessions.record_metrics();
        values(&taken(&recorder), "cloakroom_store_lease_lost", &[])
    };
    assert_eq!(lost(), [0.0]);
    store.disconnect();
    assert_eq!(lost(), [1.0]);
    store.reconnect();
    // The recorder forgets with each look, so this is the difference.
    assert_eq!(lost(), [-1.0]);
}

#[tokio::test]
async fn the_counts_of_several_sessions_add_up_and_their_gauges_go_with_them() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (first, second) = (in_memory(), in_memory());
    for sessions in [&first, &second, &second] {
        shopper(sessions).await;
    }
    first.record_metrics();
    second.record_metrics();
    second.record_metrics();
    drop(second);
    let taken = taken(&recorder);
    assert_eq!(values(&taken, "cloakroom_created_total", &[]), [3.0]);
    assert_eq!(values(&taken, "cloakroom_sessions", &[]), [1.0], "the second has gone with its sessions");
    assert_eq!(values(&taken, "cloakroom_memory_limit_bytes", &[]), [f64::from(1 << 30)]);
}

#[tokio::test]
async fn a_recorder_that_is_installed_late_gets_what_was_counted_before() {
    let sessions = in_memory();
    let visitor = shopper(&sessions).await;
    sessions.record_metrics();
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    sessions.record_metrics();
    read(&visitor, &sessions).await;
    sessions.record_metrics();
    let taken = taken(&recorder);
    assert_eq!(values(&taken, "cloakroom_created_total", &[]), [1.0]);
    assert_eq!(values(&taken, "cloakroom_lookups_total", &[("tier", "local"), ("result", "hit")]), [1.0]);
    assert_eq!(values(&taken, "cloakroom_sessions", &[]), [1.0]);
}

#[tokio::test(start_paused = true)]
async fn the_background_task_brings_the_recorder_up_to_date() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let sessions = crate::recording::recorded_in_memory();
    let _visitor = shopper(&sessions).await;
    assert_eq!(values(&taken(&recorder), "cloakroom_created_total", &[]), [0.0], "from the start, at zero");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(values(&taken(&recorder), "cloakroom_created_total", &[]), [1.0]);
}
