//! When a stream ends, and when it does not.

use std::time::Duration;

use cloakroom::EndReason;
use cloakroom::store::LimitPolicy;

use crate::support::{Cart, Deployment, add, assert_quiet, end, next, open, shopper};
use crate::visitor::Visitor;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_logout_on_any_node_ends_the_stream() {
    for deployment in Deployment::both() {
        let is_shared = deployment.store.is_some();
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
        assert_eq!(next(&mut carts).await, Some(1));
        assert_eq!(carts.end_reason(), None);
        let visit = visitor.enter(&there);
        visit.destroy().await.unwrap();
        visit.leave().await;
        end(&mut carts).await;
        // Only the node that ended it knows the reason.
        assert_eq!(carts.end_reason(), Some(if is_shared { EndReason::Gone } else { EndReason::Logout }));
        end(&mut carts).await;
    }
}

#[tokio::test]
async fn a_revocation_and_a_displacement_end_the_stream() {
    for deployment in Deployment::both() {
        let here = deployment.builder().max_sessions_per_principal(1, LimitPolicy::EndOldest).build().unwrap();
        for reason in [EndReason::Revoked, EndReason::Displaced] {
            let visitor = Visitor::default();
            let visit = visitor.enter(&here);
            visit.login("alice").await.unwrap();
            visit.leave().await;
            let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
            assert_eq!(next(&mut carts).await, None);
            if reason == EndReason::Revoked {
                assert_eq!(here.of("alice").revoke_all().await.unwrap(), 1);
            } else {
                let visit = Visitor::default().enter(&here);
                visit.login("alice").await.unwrap();
                visit.leave().await;
            }
            end(&mut carts).await;
            assert_eq!(carts.end_reason(), Some(reason));
        }
    }
}

#[tokio::test]
async fn a_stream_keeps_nothing_alive_and_ends_when_the_session_falls_idle() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let mut streams = [
            open(&visitor, &here).await.watch::<Cart>().await.unwrap(),
            open(&visitor, &there).await.watch().await.unwrap(),
        ];
        for carts in &mut streams {
            assert_eq!(next(carts).await, Some(1));
        }
        for _ in 0..29 {
            deployment.clock.advance(MINUTE);
            here.run_pending_tasks().await;
            for carts in &mut streams {
                assert_quiet(carts.next()).await;
            }
        }
        // The record outlives the idle timeout by a tenth, as touches are reported late.
        deployment.clock.advance(5 * MINUTE);
        here.run_pending_tasks().await;
        there.run_pending_tasks().await;
        for carts in &mut streams {
            end(carts).await;
            assert_eq!(carts.end_reason(), Some(EndReason::Idle));
        }
    }
}

#[tokio::test]
async fn a_login_ends_the_stream_of_the_token_that_it_replaces_and_a_renewal_does_not() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
        assert_eq!(next(&mut carts).await, Some(1));
        let visit = visitor.enter(&there);
        visit.renew().await.unwrap();
        visit.leave().await;
        // Longer than the grace of the old token.
        deployment.clock.advance(MINUTE);
        assert_quiet(carts.next()).await;
        assert_eq!(add(&visitor, &there).await, 2);
        assert_eq!(next(&mut carts).await, Some(2));
        let visit = visitor.enter(&there);
        visit.login("alice").await.unwrap();
        visit.leave().await;
        end(&mut carts).await;
        assert_eq!(carts.end_reason(), None, "the session lives on");
    }
}

#[tokio::test]
async fn without_a_session_the_stream_ends_at_once_and_creates_none() {
    for deployment in Deployment::both() {
        let [here, _] = deployment.nodes();
        let visitor = Visitor::default();
        let visit = visitor.enter(&here);
        let mut carts = visit.watch::<Cart>().await.unwrap();
        end(&mut carts).await;
        visit.leave().await;
        assert_eq!(visitor.cookie(), None);
        assert_eq!(here.stats().sessions, 0);
    }
}
