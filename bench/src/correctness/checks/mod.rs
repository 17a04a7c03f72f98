//! The checks, one function each.

mod cookies;
mod lifetimes;
mod login;
mod updates;

use std::pin::Pin;

use crate::Result;

use super::setup::{Context, Needs};
use Needs::{OneNode, Store, TwoNodes};

/// The response to `GET /cart` of a session with a full cart.
const FULL_CART: &str = "5";

pub(super) struct Outcome {
    pub(super) passed: bool,
    pub(super) summary: String,
}

impl Outcome {
    fn new(passed: bool, summary: impl Into<String>) -> Self {
        Self { passed, summary: summary.into() }
    }
}

type RunCheck = for<'a> fn(&'a Context<'a>) -> Pin<Box<dyn Future<Output = Result<Outcome>> + 'a>>;

pub(super) struct Check {
    pub(super) label: &'static str,
    pub(super) needs: Needs,
    pub(super) run: RunCheck,
    /// Whether Cloakroom fails it in favour of another check.
    pub(super) fails_by_design: bool,
}

/// Declares the table of checks: what each needs, its label, and its function.
macro_rules! checks {
    ($($needs:ident $label:literal $module:ident::$check:ident $($by_design:ident)?;)+) => {
        pub(super) const CHECKS: &[Check] = &[$(Check {
            label: $label,
            needs: $needs,
            run: |cx| Box::pin($module::$check(cx)),
            fails_by_design: checks!(@ $($by_design)?),
        }),+];
    };
    (@) => { false };
    (@ fails_by_design) => { true };
}

// Nothing says which of two cookies of one name the server has set (RFC 6265bis), so Cloakroom uses
// neither, which fails one check in favour of another.
checks! {
    OneNode "160 parallel updates of one session on one node all count" updates::parallel_on_one_node;
    TwoNodes "160 parallel updates of one session on two nodes all count" updates::parallel_on_two_nodes;
    TwoNodes "after an update on one node, the next request to the other sees it" updates::next_request_elsewhere;
    TwoNodes "after a logout on one node, the other rejects the session within 3 s" login::logout_elsewhere;
    OneNode "a login changes the session id and invalidates the old one" login::changes_id;
    OneNode "a late read with the id from before the login does not undo the login" login::late_read;
    OneNode "a late write with the id from before the login does not undo the login" login::late_write;
    OneNode "ending a session and logging in within one request changes the id" login::switch_user;
    OneNode "after a new id and an error response, the session still exists" login::rotate_and_fail;
    OneNode "a request in flight during logout does not restore the session" login::write_during_logout;
    OneNode "after a request that the client aborted, a logout still works" login::logout_after_abort;
    OneNode "an id that the server never issued is not adopted" login::unknown_id;
    OneNode "the id of an ended session is not adopted again" login::ended_id;
    OneNode "requests without a session leave nothing behind" lifetimes::anonymous;
    OneNode "requests with invented ids leave nothing behind" lifetimes::invented_ids;
    OneNode "a response to a read sets no cookie" cookies::read_sets_none;
    OneNode "private responses forbid caching: no-store with a cookie, Vary after a read" cookies::cache_headers;
    OneNode "reads alone keep a session alive" lifetimes::reads_extend;
    OneNode "an idle session ends" lifetimes::idle_session_ends;
    OneNode "the memory of ended sessions is returned or reused" lifetimes::memory;
    OneNode "a planted cookie of another session is not used" cookies::planted;
    OneNode "a percent-encoded cookie name is not the session cookie" cookies::encoded_name;
    OneNode "an unknown cookie of the same name, first or last, does not log out" cookies::duplicate_name fails_by_design;
    OneNode "malformed cookies beside the right one do not log out" cookies::malformed;
    Store "after the process is killed, a new one serves the session with all acknowledged updates" updates::killed;
    TwoNodes "an unreachable store is an error, not an empty session; nothing is lost" updates::store_unreachable;
    TwoNodes "a write during which the store fails is not acknowledged" updates::store_fails_during_write;
    TwoNodes "ten seconds after the store is back, the node serves the session" updates::store_returns;
}
