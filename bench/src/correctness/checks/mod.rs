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

const fn check(needs: Needs, label: &'static str, run: RunCheck) -> Check {
    Check { label, needs, run, fails_by_design: false }
}

const fn fails_by_design(mut check: Check) -> Check {
    check.fails_by_design = true;
    check
}

/// All checks, in the order of the table.
pub(super) const CHECKS: &[Check] = &[
    check(OneNode, "160 parallel updates of one session on one node all count", |cx| {
        Box::pin(updates::parallel_on_one_node(cx))
    }),
    check(TwoNodes, "160 parallel updates of one session on two nodes all count", |cx| {
        Box::pin(updates::parallel_on_two_nodes(cx))
    }),
    check(TwoNodes, "after an update on one node, the next request to the other sees it", |cx| {
        Box::pin(updates::next_request_elsewhere(cx))
    }),
    check(TwoNodes, "after a logout on one node, the other rejects the session within 3 s", |cx| {
        Box::pin(login::logout_elsewhere(cx))
    }),
    check(OneNode, "a login changes the session id and invalidates the old one", |cx| Box::pin(login::changes_id(cx))),
    check(OneNode, "a late read with the id from before the login does not undo the login", |cx| {
        Box::pin(login::late_request(cx, "GET /count"))
    }),
    check(OneNode, "a late write with the id from before the login does not undo the login", |cx| {
        Box::pin(login::late_request(cx, "POST /count"))
    }),
    check(OneNode, "ending a session and logging in within one request changes the id", |cx| {
        Box::pin(login::switch_user(cx))
    }),
    check(OneNode, "after a new id and an error response, the session still exists", |cx| {
        Box::pin(login::rotate_and_fail(cx))
    }),
    check(OneNode, "a request in flight during logout does not restore the session", |cx| {
        Box::pin(login::write_during_logout(cx))
    }),
    check(OneNode, "after a request that the client aborted, a logout still works", |cx| {
        Box::pin(login::logout_after_abort(cx))
    }),
    check(OneNode, "an id that the server never issued is not adopted", |cx| Box::pin(login::unknown_id(cx))),
    check(OneNode, "the id of an ended session is not adopted again", |cx| Box::pin(login::ended_id(cx))),
    check(OneNode, "requests without a session leave nothing behind", |cx| Box::pin(lifetimes::anonymous(cx))),
    check(OneNode, "requests with invented ids leave nothing behind", |cx| Box::pin(lifetimes::invented_ids(cx))),
    check(OneNode, "a response to a read sets no cookie", |cx| Box::pin(cookies::read_sets_none(cx))),
    check(OneNode, "private responses forbid caching: no-store with a cookie, Vary after a read", |cx| {
        Box::pin(cookies::cache_headers(cx))
    }),
    check(OneNode, "reads alone keep a session alive", |cx| Box::pin(lifetimes::reads_extend(cx))),
    check(OneNode, "an idle session ends", |cx| Box::pin(lifetimes::idle_session_ends(cx))),
    check(OneNode, "the memory of ended sessions is returned or reused", |cx| Box::pin(lifetimes::memory(cx))),
    check(OneNode, "a planted cookie of another session is not used", |cx| Box::pin(cookies::planted(cx))),
    check(OneNode, "a percent-encoded cookie name is not the session cookie", |cx| Box::pin(cookies::encoded_name(cx))),
    // Nothing says which of two cookies of one name the server has set (RFC 6265bis), so Cloakroom uses neither.
    fails_by_design(check(OneNode, "an unknown cookie of the same name, first or last, does not log out", |cx| {
        Box::pin(cookies::duplicate_name(cx))
    })),
    check(OneNode, "malformed cookies beside the right one do not log out", |cx| Box::pin(cookies::malformed(cx))),
    check(Store, "an unreachable store is an error, not an empty session; nothing is lost", |cx| {
        Box::pin(updates::store_unreachable(cx))
    }),
    check(Store, "a write during which the store fails is not acknowledged", |cx| {
        Box::pin(updates::store_fails_during_write(cx))
    }),
    check(Store, "ten seconds after the store is back, the node serves the session", |cx| {
        Box::pin(updates::store_returns(cx))
    }),
];
