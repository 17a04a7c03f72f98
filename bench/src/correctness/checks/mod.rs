//! What a client may expect, one function a check.

mod answers;
mod cookies;
mod faults;
mod identity;
mod lifetimes;
mod login;
mod logout;
mod nodes;
mod parallel;
mod strangers;

use std::pin::Pin;

use crate::Failure;

use super::ground::{Ground, Needs};
use super::talk::Talk;
use Needs::{OneNode, Store, TwoNodes};

/// What a full cart answers.
const FULL: &str = "5";

/// How it went, and what was seen.
pub(super) struct Outcome {
    pub(super) right: bool,
    pub(super) seen: String,
}

impl Outcome {
    fn new(right: bool, seen: impl Into<String>) -> Self {
        Self { right, seen: seen.into() }
    }
}

type Asked<'a> = Pin<Box<dyn Future<Output = Result<Outcome, Failure>> + 'a>>;

/// One expectation, and how it is put to the test.
pub(super) struct Check {
    /// In the names of the figures, and of a row.
    pub(super) what: &'static str,
    pub(super) needs: Needs,
    pub(super) ask: for<'a> fn(&'a Ground, &'a Talk) -> Asked<'a>,
    /// Whether Cloakroom gives it up for another of these.
    pub(super) traded: bool,
}

macro_rules! checks {
    ($($needs:ident $what:literal $room:ident::$check:ident $($traded:ident)?),+ $(,)?) => {
        /// All of them, in the order of the table.
        pub(super) const CHECKS: &[Check] = &[$(Check {
            what: $what,
            needs: $needs,
            ask: |ground, talk| Box::pin($room::$check(ground, talk)),
            traded: checks!(@traded $($traded)?),
        }),+];
    };
    (@traded) => { false };
    (@traded traded) => { true };
}

// Of two cookies of one name Cloakroom believes neither, because nothing says which one the server has set
// (RFC 6265bis): it trades a strange cookie's harm for that of a planted one.
checks! {
    OneNode "160 parallel updates of one session on one node all count" parallel::on_one_node,
    TwoNodes "the same on two nodes" parallel::on_two_nodes,
    TwoNodes "after an update on one node, the next request on the other sees it" nodes::reads_own_writes,
    TwoNodes "after a logout on one node, the other refuses the session within 3 s" nodes::logout_elsewhere,
    OneNode "a login changes the session's id, and the old one opens nothing" login::changes_the_id,
    OneNode "a late read with the id from before the login does not undo the login" login::late_read,
    OneNode "a late write with the id from before the login does not undo the login" login::late_write,
    OneNode "ending a session and logging in within one request gives another id" login::switch,
    OneNode "a new id and then an error: the session is still there" login::rotate_and_fail,
    OneNode "a request that is still under way at logout brings nothing back" logout::late_write,
    OneNode "after a request that the client aborted, a logout still holds" logout::after_abort,
    OneNode "an id that the server never gave out is not taken" identity::unknown,
    OneNode "the id of an ended session is not taken again" identity::ended,
    OneNode "requests without a session leave nothing behind" strangers::anonymous,
    OneNode "requests with made-up ids leave nothing behind" strangers::made_up,
    OneNode "an answer that changes nothing sets no cookie" answers::unmodified,
    OneNode "caches are told what is one visitor's: no-store with a cookie, Vary after a read" answers::cache_headers,
    OneNode "reading alone keeps a session alive" lifetimes::sliding,
    OneNode "a session that is left alone ends" lifetimes::left_alone,
    OneNode "the memory of ended sessions is given back or used again" lifetimes::memory,
    OneNode "a planted cookie of another's session is not taken for one's own" cookies::planted,
    OneNode "a cookie whose name only decodes to the session's is not taken for it" cookies::encoded_name,
    OneNode "a strange cookie of the same name, before or after, does not log out" cookies::strange traded,
    OneNode "malformed cookies beside the right one do not log out" cookies::malformed,
    Store "a store that is away is an error, not an empty session; nothing is lost" faults::away,
    Store "a write during which the store goes away is not acknowledged" faults::late_write,
    Store "ten seconds after the store is back, the node serves the session" faults::back,
}
