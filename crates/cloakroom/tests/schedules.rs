//! One session, several requests at once, every order of their steps.
//!
//! Each test is a scene: a session, a handful of acts (a write, a login, a logout, an expiry, ...)
//! that run at the same time, and an audit of what they were told against what is there afterwards.
//! What must hold, whoever was first:
//!
//! - an increment that was acknowledged is in the counter, once;
//! - a session whose end was acknowledged opens for no token, on no node;
//! - a value that was loaded before an invalidation is not read after it;
//! - a client reads what it wrote, also on another node whose line is slow;
//! - a session ends with one event, and leaves no byte booked.
//!
//! With the schedule explorer, thousands of orders per scene, the same in every run:
//!
//! ```text
//! RUSTFLAGS="--cfg cloakroom_shuttle" cargo test -p cloakroom --test schedules
//! ```
//!
//! `CLOAKROOM_SEED=<number>` explores other orders and `CLOAKROOM_ITERATIONS=<number>` more of them.
//! A failure prints its schedule; run that one alone, under a debugger if you like, with
//!
//! ```text
//! CLOAKROOM_SCHEDULE=<schedule> RUSTFLAGS=... cargo test ... --test schedules -- --exact <name of the test>
//! ```
//!
//! Without the explorer the same scenes run on plain threads, a few times each.

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

use actions::Action::{Add, Crowd, Deliver, Destroy, Expire, Invalidate, Load, Login, Pack, Renew, Revoke};
use scenario::{Scenario, Setup};

/// Every scene is played in memory and over a store with two nodes.
macro_rules! scenarios {
    ($($(#[doc = $doc:literal])* $name:ident: $scenario:expr;)+) => {
        mod in_memory {
            use super::*;
            $($(#[doc = $doc])* #[test] fn $name() { explore::explore(|| $scenario.play(Setup::Memory)); })+
        }
        mod on_two_nodes {
            use super::*;
            $($(#[doc = $doc])* #[test] fn $name() { explore::explore(|| $scenario.play(Setup::TwoNodes)); })+
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
    an_update_meets_a_crowd: Scenario::of([Add, Crowd, Add]);
    a_login_meets_a_crowd: Scenario::of([Login, Crowd, Add]);
    a_logout_meets_a_crowd: Scenario::of([Destroy, Crowd, Load]);
    a_logged_in_session_survives_a_crowd: Scenario::of([Add, Crowd, Pack]).logged_in();
    a_revocation_meets_updates: Scenario::of([Add, Revoke, Add]).logged_in();
    a_revocation_meets_a_login: Scenario::of([Login, Revoke, Load]).logged_in();
    a_slow_line_hides_no_write_from_its_writer: Scenario::of([Add, Add, Deliver]).slow_line();
    a_slow_line_hides_no_invalidation_from_its_client: Scenario::of([Load, Invalidate, Deliver]).slow_line();
    a_slow_line_resurrects_nothing: Scenario::of([Add, Destroy, Deliver]).slow_line();
    a_slow_line_and_a_login: Scenario::of([Add, Login, Deliver]).slow_line();
    a_login_meets_a_logout: Scenario::of([Login, Destroy, Add]);
    a_slow_line_lets_no_logout_end_a_login: Scenario::of([Login, Destroy, Deliver]).slow_line();
}
