//! Compares the outcomes of the actions with the final state.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cloakroom::{EndReason, EventKind, Sessions};

use super::explore::{MAX_WAIT, step};
use super::scenario::{Count, Shared, USER};
use super::visitor::Visitor;

/// Outcome of an action.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Number of acknowledged increments.
    pub(crate) added: u64,
    /// The end of the session was acknowledged.
    pub(crate) ended: bool,
    /// The lifetime of the session passed, unless an action that began earlier extended it.
    pub(crate) expired: bool,
    pub(crate) logged_in: bool,
    /// The token was renewed, and the previous one is accepted during the grace.
    pub(crate) renewed: bool,
    pub(crate) flooded: bool,
    pub(crate) revoked: usize,
    /// The cookie of the browser after the action.
    pub(crate) cookie: Option<String>,
}

pub(crate) async fn audit(mut shared: Shared, outcomes: &[Outcome]) {
    shared.stores.iter().for_each(cloakroom_testkit::MemoryStore::deliver_invalidations);
    let readings = readings(&shared, outcomes).await;
    let end = end_of_first_session(&mut shared);
    let ended = outcomes.iter().any(|outcome| outcome.ended) || (shared.stores.is_empty() && end.is_some());
    let is_first_session =
        |outcome: &&Outcome| outcome.cookie.as_deref().is_none_or(|cookie| is_same_session(cookie, &shared.cookie));
    if outcomes.iter().filter(is_first_session).any(|outcome| outcome.logged_in) {
        assert_ne!(end, Some(EndReason::Evicted), "a logged-in session was evicted: {outcomes:?}");
    }
    // If the clocks differ, an idle timeout or a grace may be over on one node only for a while.
    let may_differ = (shared.clock_skew() != 0 && outcomes.iter().any(|outcome| outcome.expired))
        || (shared.clock_skew() > 3_000 && outcomes.iter().any(|outcome| outcome.renewed));
    for (cookie, ..) in readings.iter().filter(|_| !may_differ) {
        let nodes = readings.iter().filter(|(other, ..)| other == cookie).count();
        assert_eq!(nodes, shared.nodes.len(), "the nodes disagree on {cookie}: {readings:?}, {outcomes:?}");
    }
    let may_have_ended = outcomes.iter().any(|outcome| outcome.expired) && readings.is_empty();
    if ended {
        assert!(readings.is_empty(), "the session has ended and still opens: {readings:?}, {outcomes:?}");
    } else if !may_have_ended && outcomes.iter().all(|outcome| outcome.revoked == 0) {
        let added: u64 = outcomes.iter().filter(is_first_session).map(|outcome| outcome.added).sum();
        assert!(!readings.is_empty(), "the session lives and no token opens it: {outcomes:?}");
        for (cookie, node, count) in &readings {
            assert_eq!(*count, added, "{cookie} on node {node}: {outcomes:?}");
        }
    }
    assert_every_login_is_revoked(&shared, outcomes).await;
    assert_empty(&shared).await;
}

/// Reads the counter of the first session with every known cookie on every node.
async fn readings(shared: &Shared, outcomes: &[Outcome]) -> Vec<(String, usize, u64)> {
    let mut cookies: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.cookie.clone()).collect();
    cookies.push(shared.cookie.clone());
    cookies.retain(|cookie| is_same_session(cookie, &shared.cookie));
    cookies.sort();
    cookies.dedup();
    let mut readings = Vec::new();
    for cookie in cookies {
        for (number, node) in shared.nodes.iter().enumerate() {
            let visit = Visitor::with_cookie(Some(cookie.clone())).enter(node);
            if visit.created_at().await.expect("nothing is broken").is_some() {
                let count = visit.get::<Count>().await.expect("nothing is broken").map_or(0, |count| count.0);
                readings.push((cookie.clone(), number, count));
            }
        }
    }
    readings
}

/// Compares the selectors of two tokens: the first half of a token, which never changes.
fn is_same_session(one: &str, other: &str) -> bool {
    let selector = |cookie: &str| cookie.split('=').nth(1).map(|token| token[..21].to_owned());
    selector(one) == selector(other)
}

/// Reason for the end of the scenario's session, if its first node announced the end.
fn end_of_first_session(shared: &mut Shared) -> Option<EndReason> {
    let mut first = None;
    let mut ends: HashMap<_, Vec<EndReason>> = HashMap::new();
    for (number, events) in shared.events.iter_mut().enumerate() {
        while let Some(event) = events.try_recv() {
            let session = event.session.map(|session| (number, session));
            first = first.or(session);
            if let EventKind::Ended(reason) = event.kind {
                ends.entry(session).or_default().push(reason);
            }
        }
        assert_eq!(events.missed(), 0);
    }
    for reasons in ends.values() {
        // A node that ends a session without a copy may load one concurrently, and find it gone.
        let gone = reasons.iter().filter(|reason| **reason == EndReason::Gone).count();
        assert!(gone <= 1 && reasons.len() - gone <= 1, "a session ended more than once: {reasons:?}");
        assert!(!shared.stores.is_empty() || gone == 0, "no other node ends sessions in memory: {reasons:?}");
    }
    ends.get(&first).map(|reasons| reasons[0])
}

/// Asserts that a revocation ends every logged-in session.
async fn assert_every_login_is_revoked(shared: &Shared, outcomes: &[Outcome]) {
    let sessions = shared.nodes.last().expect("a node");
    sessions.of(USER).revoke_all().await.expect("nothing is broken");
    for outcome in outcomes.iter().filter(|outcome| outcome.logged_in) {
        for node in &shared.nodes {
            let visit = Visitor::with_cookie(outcome.cookie.clone()).enter(node);
            let principal = visit.principal().await.expect("nothing is broken");
            assert_eq!(principal, None, "still logged in after the revocation");
        }
    }
}

/// Asserts that no session and no byte is counted after every lifetime has passed.
async fn assert_empty(shared: &Shared) {
    for _ in 0..3 {
        shared.advance_clocks(Duration::from_secs(25 * 60 * 60));
        for node in &shared.nodes {
            node.run_pending_tasks().await;
        }
    }
    let counted = |node: &Sessions| (node.stats().sessions, node.stats().bytes);
    let deadline = Instant::now() + MAX_WAIT;
    while shared.nodes.iter().any(|node| counted(node) != (0, 0)) && Instant::now() < deadline {
        step();
        for node in &shared.nodes {
            node.run_pending_tasks().await;
        }
    }
    for node in &shared.nodes {
        assert_eq!(counted(node), (0, 0), "{:?}", node.stats());
    }
}
