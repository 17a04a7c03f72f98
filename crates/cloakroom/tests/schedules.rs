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
//! RUSTFLAGS="--cfg cloakroom_shuttle" cargo test -p cloakroom --features testkit --test schedules
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

#[path = "schedules/acts.rs"]
mod acts;
#[path = "schedules/audit.rs"]
mod audit;
#[path = "schedules/explore.rs"]
mod explore;
#[path = "schedules/scene.rs"]
mod scene;
#[path = "schedules/stepping.rs"]
mod stepping;
#[path = "model/visitor.rs"]
mod visitor;

use acts::Act::{Add, Crowd, Deliver, Destroy, Expire, Invalidate, Load, Login, Pack, Renew, Revoke};
use scene::{Scene, Tier};

/// Every scene is played in memory and over a store with two nodes.
macro_rules! scenes {
    ($($(#[doc = $doc:literal])* $name:ident: $scene:expr;)+) => {
        mod in_memory {
            use super::*;
            $($(#[doc = $doc])* #[test] fn $name() { explore::explore(|| $scene.play(Tier::Memory)); })+
        }
        mod on_two_nodes {
            use super::*;
            $($(#[doc = $doc])* #[test] fn $name() { explore::explore(|| $scene.play(Tier::TwoNodes)); })+
        }
    };
}

scenes! {
    updates_are_all_kept: Scene::of([Add, Add, Add]);
    an_update_does_not_outlive_a_logout: Scene::of([Add, Add, Destroy]);
    an_update_meets_a_login: Scene::of([Add, Login, Add]);
    two_logins_at_once: Scene::of([Login, Login, Add]);
    two_logins_and_a_revocation: Scene::of([Login, Login, Revoke]);
    a_renewal_loses_no_update: Scene::of([Add, Renew, Add]);
    a_renewal_meets_a_login: Scene::of([Renew, Login, Add]);
    a_renewal_meets_a_logout: Scene::of([Renew, Destroy, Add]);
    a_load_meets_an_invalidation: Scene::of([Load, Invalidate, Load]);
    a_load_meets_an_invalidation_and_an_update: Scene::of([Load, Invalidate, Add]);
    a_load_meets_a_login: Scene::of([Load, Login, Load]);
    a_load_meets_a_logout: Scene::of([Load, Destroy, Load]);
    a_load_meets_packing: Scene::of([Load, Pack, Add]);
    an_update_meets_expiry: Scene::of([Add, Expire, Add]);
    a_login_meets_expiry: Scene::of([Login, Expire, Add]);
    a_logout_meets_expiry: Scene::of([Destroy, Expire, Load]);
    an_update_meets_packing: Scene::of([Add, Pack, Add]);
    packing_meets_a_logout: Scene::of([Pack, Destroy, Add]);
    an_update_meets_a_crowd: Scene::of([Add, Crowd, Add]);
    a_login_meets_a_crowd: Scene::of([Login, Crowd, Add]);
    a_logout_meets_a_crowd: Scene::of([Destroy, Crowd, Load]);
    a_logged_in_session_survives_a_crowd: Scene::of([Add, Crowd, Pack]).logged_in();
    a_revocation_meets_updates: Scene::of([Add, Revoke, Add]).logged_in();
    a_revocation_meets_a_login: Scene::of([Login, Revoke, Load]).logged_in();
    a_slow_line_hides_no_write_from_its_writer: Scene::of([Add, Add, Deliver]).slow_line();
    a_slow_line_hides_no_invalidation_from_its_client: Scene::of([Load, Invalidate, Deliver]).slow_line();
    a_slow_line_resurrects_nothing: Scene::of([Add, Destroy, Deliver]).slow_line();
    a_slow_line_and_a_login: Scene::of([Add, Login, Deliver]).slow_line();
    a_login_meets_a_logout: Scene::of([Login, Destroy, Add]);
    a_slow_line_lets_no_logout_end_a_login: Scene::of([Login, Destroy, Deliver]).slow_line();
}
