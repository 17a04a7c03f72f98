//! Concurrent requests to one session, in many interleavings of their steps.
//!
//! Each test is a scenario: a session, three actions (a write, a login, a logout, an expiry, ...)
//! that run concurrently, and an audit that compares their outcomes with the final state. These
//! properties hold in every interleaving:
//!
//! - an acknowledged increment is in the counter exactly once;
//! - a session whose end was acknowledged opens for no token on any node;
//! - a value that was loaded before an invalidation is not read after it;
//! - a client reads what it wrote, even on another node whose invalidations are delayed;
//! - a stream delivers rising counts up to the last one, and ends with its session;
//! - a session ends with one event, and its memory is no longer counted.
//!
//! The schedule explorer runs thousands of interleavings per scenario, the same in every run:
//!
//! ```text
//! cd schedules && cargo test
//! ```
//!
//! `CLOAKROOM_SEED=<number>` explores other interleavings and `CLOAKROOM_ITERATIONS=<number>` more
//! of them. A failure prints its schedule. To run only that one, for example under a debugger:
//!
//! ```text
//! CLOAKROOM_SCHEDULE=<schedule> cargo test -- --exact <name of the test>
//! ```
//!
//! Without the explorer, each scenario runs a few times on plain threads.

#[path = "schedules/actions.rs"]
mod actions;
#[path = "schedules/audit.rs"]
mod audit;
#[path = "schedules/explore.rs"]
mod explore;
#[path = "schedules/scenario.rs"]
mod scenario;
#[path = "schedules/stepping.rs"]
mod stepping;
#[path = "model/visitor.rs"]
mod visitor;

use actions::Action::{
    Add, Deliver, Destroy, Expire, Flood, Follow, FollowToEnd, Invalidate, Load, Login, Pack, Renew, Revoke,
};
use scenario::{Scenario, Setup};

/// Runs every scenario in memory, and on two nodes over a store.
macro_rules! scenarios {
    ($($(#[doc = $doc:literal])* $name:ident: $scenario:expr;)+) => {
        mod in_memory {
            use super::*;
            $($(#[doc = $doc])* #[test] fn $name() { explore::explore(|| $scenario.run(Setup::Memory)); })+
        }
        mod on_two_nodes {
            use super::*;
            $($(#[doc = $doc])* #[test] fn $name() { explore::explore(|| $scenario.run(Setup::TwoNodes)); })+
        }
    };
}

scenarios! {
    updates_are_all_kept: Scenario::of([Add, Add, Add]);
    an_update_does_not_outlive_a_logout: Scenario::of([Add, Add, Destroy]);
    an_update_meets_a_login: Scenario::of([Add, Login, Add]);
    two_logins_at_once: Scenario::of([Login, Login, Add]);
    two_logins_and_a_revocation: Scenario::of([Login, Login, Revoke]);
    a_renewal_loses_no_update: Scenario::of([Add, Renew, Add]);
    a_renewal_meets_a_login: Scenario::of([Renew, Login, Add]);
    a_renewal_meets_a_logout: Scenario::of([Renew, Destroy, Add]);
    a_load_meets_an_invalidation: Scenario::of([Load, Invalidate, Load]);
    a_load_meets_an_invalidation_and_an_update: Scenario::of([Load, Invalidate, Add]);
    a_load_meets_a_login: Scenario::of([Load, Login, Load]);
    a_load_meets_a_logout: Scenario::of([Load, Destroy, Load]);
    a_load_meets_packing: Scenario::of([Load, Pack, Add]);
    an_update_meets_expiry: Scenario::of([Add, Expire, Add]);
    a_login_meets_expiry: Scenario::of([Login, Expire, Add]);
    a_logout_meets_expiry: Scenario::of([Destroy, Expire, Load]);
    an_update_meets_packing: Scenario::of([Add, Pack, Add]);
    packing_meets_a_logout: Scenario::of([Pack, Destroy, Add]);
    an_update_meets_a_flood: Scenario::of([Add, Flood, Add]);
    a_login_meets_a_flood: Scenario::of([Login, Flood, Add]);
    a_logout_meets_a_flood: Scenario::of([Destroy, Flood, Load]);
    a_logged_in_session_survives_a_flood: Scenario::of([Add, Flood, Pack]).logged_in();
    a_revocation_meets_updates: Scenario::of([Add, Revoke, Add]).logged_in();
    a_revocation_meets_a_login: Scenario::of([Login, Revoke, Load]).logged_in();
    delayed_invalidations_hide_no_write_from_its_writer: Scenario::of([Add, Add, Deliver]).delayed();
    delayed_invalidations_hide_no_invalidation_from_its_client: Scenario::of([Load, Invalidate, Deliver]).delayed();
    delayed_invalidations_resurrect_nothing: Scenario::of([Add, Destroy, Deliver]).delayed();
    delayed_invalidations_meet_a_login: Scenario::of([Add, Login, Deliver]).delayed();
    a_stream_delivers_the_last_update: Scenario::of([Add, Add, Follow]);
    two_streams_deliver_the_last_update: Scenario::of([Follow, Add, Follow]);
    a_stream_meets_packing: Scenario::of([Add, Pack, Follow]);
    a_stream_meets_a_renewal: Scenario::of([Add, Renew, Follow]);
    a_stream_ends_with_its_session: Scenario::of([Add, Destroy, FollowToEnd]);
    a_stream_ends_when_a_login_replaces_its_token: Scenario::of([Add, Login, FollowToEnd]);
    a_stream_catches_up_with_delayed_invalidations: Scenario::of([Add, Deliver, Follow]).delayed();
    a_login_meets_a_logout: Scenario::of([Login, Destroy, Add]);
    delayed_invalidations_let_no_logout_end_a_login: Scenario::of([Login, Destroy, Deliver]).delayed();
}
