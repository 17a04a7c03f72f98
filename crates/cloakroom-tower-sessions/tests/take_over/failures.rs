//! Failures of both stores at every step.

use std::sync::atomic::Ordering;

use cloakroom::store::StoreErrorKind;
use cloakroom_testkit::{FaultyStore, MemoryStore, Verb};
use http::StatusCode;
use tower_sessions::SessionManagerLayer;

use crate::deployment::Deployment;
use crate::old_store::Watched;
use crate::recording::recorded;
use crate::shop::{new, old, take_over, visitor};

#[tokio::test]
async fn a_failure_of_the_old_store_delays_the_move_and_logs_nobody_out() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), Watched::default());
        let before = visitor(&old(SessionManagerLayer::new(store.store.clone()))).await;
        let mut tab = before.at(&new(&sessions, take_over(store.clone())));
        for fault in [&store.fails_to_load, &store.fails_to_delete] {
            fault.store(true, Ordering::SeqCst);
            assert_eq!(tab.get("/").await.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(tab.cookies.contains_key("id"), "the old cookie is kept for another attempt");
            fault.store(false, Ordering::SeqCst);
        }
        tab.get("/").await.ok("alice");
        tab.get("/cart").await.ok("umbrella");
        assert_eq!(sessions.of("alice").list().await.unwrap().len(), 1);
    }
}

/// While the old session exists, sending the old cookie again would log in again.
#[tokio::test]
async fn no_logout_succeeds_before_the_old_session_is_deleted() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), Watched::default());
        let before = visitor(&old(SessionManagerLayer::new(store.store.clone()))).await;
        let app = new(&sessions, take_over(store.clone()));
        let mut tab = before.at(&app);
        store.fails_to_delete.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            assert_eq!(tab.get("/logout").await.status, StatusCode::SERVICE_UNAVAILABLE);
        }
        store.fails_to_delete.store(false, Ordering::SeqCst);
        tab.get("/logout").await.ok("");
        before.at(&app).get("/").await.ok("nobody");
    }
}

#[tokio::test]
async fn a_failure_of_the_new_store_at_any_step_logs_nobody_out() {
    let verbs = [Verb::Load, Verb::Create, Verb::AddMember, Verb::Commit];
    for verb in verbs {
        for is_lost in [false, true] {
            let store = FaultyStore::new(MemoryStore::new());
            let sessions = recorded().store(store.clone()).build().unwrap();
            let old_store = Watched::default();
            let before = visitor(&old(SessionManagerLayer::new(old_store.store.clone()))).await;
            let mut tab = before.at(&new(&sessions, take_over(old_store)));
            if is_lost {
                store.lose_reply_next(verb);
            } else {
                store.fail_next(verb, StoreErrorKind::Unavailable);
            }
            let status = tab.get("/").await.status;
            assert!([StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&status), "{verb:?}: {status}");
            let again = tab.get("/").await;
            assert_eq!(again.body, "alice", "{verb:?}, lost: {is_lost}, first {status}");
            tab.get("/cart").await.ok("umbrella");
            assert_eq!(sessions.of("alice").list().await.unwrap().len(), 1, "{verb:?}");
        }
    }
}
