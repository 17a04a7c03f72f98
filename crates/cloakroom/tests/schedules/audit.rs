//! What the acts were told, against what is there.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cloakroom::{EndReason, EventKind, Sessions};

use super::explore::{PATIENCE, step};
use super::scenario::{Count, Shared, USER};
use super::visitor::Visitor;

/// What an act was told.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Acknowledged increments.
    pub(crate) added: u64,
    /// The session is over: acknowledged.
    pub(crate) ended: bool,
    /// The time of the session was over, unless an act that had begun before prolonged it.
    pub(crate) expired: bool,
    pub(crate) logged_in: bool,
    /// The token was renewed, and the one before is good for a while.
    pub(crate) renewed: bool,
    pub(crate) crowded: bool,
    pub(crate) revoked: usize,
    /// What the browser has in the end.
    pub(crate) cookie: Option<String>,
}

pub(crate) async fn audit(mut shared: Shared, outcome: &[Outcome]) {
    shared.stores.iter().for_each(cloakroom_testkit::MemoryStore::deliver_invalidations);
    let readings = readings(&shared, outcome).await;
    let end = end_of_first_session(&mut shared);
    let ended = outcome.iter().any(|outcome| outcome.ended) || (shared.stores.is_empty() && end.is_some());
    let mine =
        |outcome: &&Outcome| outcome.cookie.as_deref().is_none_or(|cookie| is_same_session(cookie, &shared.cookie));
    if outcome.iter().filter(mine).any(|outcome| outcome.logged_in) {
        assert_ne!(end, Some(EndReason::Evicted), "somebody was logged in: {outcome:?}");
    }
    // By clocks that differ, an idle timeout or a grace is over on one node and not on the other for a while.
    let may_differ = (shared.apart != 0 && outcome.iter().any(|outcome| outcome.expired))
        || (shared.apart.abs() > 3_000 && outcome.iter().any(|outcome| outcome.renewed));
    for (cookie, ..) in readings.iter().filter(|_| !may_differ) {
        let nodes = readings.iter().filter(|(other, ..)| other == cookie).count();
        assert_eq!(nodes, shared.nodes.len(), "all nodes agree on {cookie}: {readings:?}, {outcome:?}");
    }
    let may_have_ended = outcome.iter().any(|outcome| outcome.expired) && readings.is_empty();
    if ended {
        assert!(readings.is_empty(), "the session is over and opens: {readings:?}, {outcome:?}");
    } else if !may_have_ended && outcome.iter().all(|outcome| outcome.revoked == 0) {
        let added: u64 = outcome.iter().filter(mine).map(|outcome| outcome.added).sum();
        assert!(!readings.is_empty(), "the session lives and nothing opens it: {outcome:?}");
        for (cookie, node, count) in &readings {
            assert_eq!(*count, added, "{cookie} on node {node}: {outcome:?}");
        }
    }
    every_login_is_listed(&shared, outcome).await;
    nothing_is_left(&shared).await;
}

/// What every cookie that anybody has opens: of the first session, by node.
async fn readings(shared: &Shared, outcome: &[Outcome]) -> Vec<(String, usize, u64)> {
    let mut cookies: Vec<_> = outcome.iter().filter_map(|outcome| outcome.cookie.clone()).collect();
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

/// The tag is the first half of a token, and never changes.
fn is_same_session(one: &str, other: &str) -> bool {
    let selector = |cookie: &str| cookie.split('=').nth(1).map(|token| token[..21].to_owned());
    selector(one) == selector(other)
}

/// Why the session that the scene is about ended, if the first node announced that it did.
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
        // A node that ends a session which it has no copy of may read one meanwhile, and find it gone.
        let gone = reasons.iter().filter(|reason| **reason == EndReason::Gone).count();
        assert!(gone <= 1 && reasons.len() - gone <= 1, "one session, one end: {reasons:?}");
        assert!(!shared.stores.is_empty() || gone == 0, "nobody else ends sessions in memory: {reasons:?}");
    }
    ends.get(&first).map(|reasons| reasons[0])
}

/// Whoever is logged in can be revoked.
async fn every_login_is_listed(shared: &Shared, outcome: &[Outcome]) {
    let sessions = shared.nodes.last().expect("a node");
    sessions.of(USER).revoke_all().await.expect("nothing is broken");
    for outcome in outcome.iter().filter(|outcome| outcome.logged_in) {
        for node in &shared.nodes {
            let visit = Visitor::with_cookie(outcome.cookie.clone()).enter(node);
            let principal = visit.principal().await.expect("nothing is broken");
            assert_eq!(principal, None, "revoked with all others, and still logged in");
        }
    }
}

/// When everything is over, nothing is booked any more.
async fn nothing_is_left(shared: &Shared) {
    for _ in 0..3 {
        shared.clock.advance(Duration::from_secs(25 * 60 * 60));
        for node in &shared.nodes {
            node.run_pending_tasks().await;
        }
    }
    let left = |node: &Sessions| (node.stats().sessions, node.stats().bytes);
    let given_up = Instant::now() + PATIENCE;
    while shared.nodes.iter().any(|node| left(node) != (0, 0)) && Instant::now() < given_up {
        step();
        for node in &shared.nodes {
            node.run_pending_tasks().await;
        }
    }
    for node in &shared.nodes {
        assert_eq!(left(node), (0, 0), "{:?}", node.stats());
    }
}
