//! What the acts were told, against what is there.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cloakroom::{EndReason, EventKind, Sessions};

use super::explore::{PATIENCE, step};
use super::scene::{Count, USER, World};
use super::visitor::Visitor;

/// What an act was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
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

pub(crate) async fn audit(mut world: World, told: &[Told]) {
    world.lines.iter().for_each(cloakroom::testkit::MemoryStore::deliver_invalidations);
    let readings = readings(&world, told).await;
    let end = end_of_first_session(&mut world);
    let ended = told.iter().any(|told| told.ended) || (world.lines.is_empty() && end.is_some());
    let mine = |told: &&Told| told.cookie.as_deref().is_none_or(|cookie| is_same_session(cookie, &world.cookie));
    if told.iter().filter(mine).any(|told| told.logged_in) {
        assert_ne!(end, Some(EndReason::Evicted), "somebody was logged in: {told:?}");
    }
    // By clocks that differ, an idle timeout or a grace is over on one node and not on the other for a while.
    let may_differ = (world.apart != 0 && told.iter().any(|told| told.expired))
        || (world.apart.abs() > 3_000 && told.iter().any(|told| told.renewed));
    for (cookie, ..) in readings.iter().filter(|_| !may_differ) {
        let nodes = readings.iter().filter(|(other, ..)| other == cookie).count();
        assert_eq!(nodes, world.nodes.len(), "all nodes agree on {cookie}: {readings:?}, {told:?}");
    }
    let may_have_ended = told.iter().any(|told| told.expired) && readings.is_empty();
    if ended {
        assert!(readings.is_empty(), "the session is over and opens: {readings:?}, {told:?}");
    } else if !may_have_ended && told.iter().all(|told| told.revoked == 0) {
        let added: u64 = told.iter().filter(mine).map(|told| told.added).sum();
        assert!(!readings.is_empty(), "the session lives and nothing opens it: {told:?}");
        for (cookie, node, count) in &readings {
            assert_eq!(*count, added, "{cookie} on node {node}: {told:?}");
        }
    }
    every_login_is_listed(&world, told).await;
    nothing_is_left(&world).await;
}

/// What every cookie that anybody has opens: of the first session, by node.
async fn readings(world: &World, told: &[Told]) -> Vec<(String, usize, u64)> {
    let mut cookies: Vec<_> = told.iter().filter_map(|told| told.cookie.clone()).collect();
    cookies.push(world.cookie.clone());
    cookies.retain(|cookie| is_same_session(cookie, &world.cookie));
    cookies.sort();
    cookies.dedup();
    let mut readings = Vec::new();
    for cookie in cookies {
        for (number, node) in world.nodes.iter().enumerate() {
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
fn end_of_first_session(world: &mut World) -> Option<EndReason> {
    let mut first = None;
    let mut ends: HashMap<_, Vec<EndReason>> = HashMap::new();
    for (number, events) in world.events.iter_mut().enumerate() {
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
        assert!(!world.lines.is_empty() || gone == 0, "nobody else ends sessions in memory: {reasons:?}");
    }
    ends.get(&first).map(|reasons| reasons[0])
}

/// Whoever is logged in can be revoked.
async fn every_login_is_listed(world: &World, told: &[Told]) {
    let sessions = world.nodes.last().expect("a node");
    sessions.of(USER).revoke_all().await.expect("nothing is broken");
    for told in told.iter().filter(|told| told.logged_in) {
        for node in &world.nodes {
            let visit = Visitor::with_cookie(told.cookie.clone()).enter(node);
            let principal = visit.principal().await.expect("nothing is broken");
            assert_eq!(principal, None, "revoked with all others, and still logged in");
        }
    }
}

/// When everything is over, nothing is booked any more.
async fn nothing_is_left(world: &World) {
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(25 * 60 * 60));
        for node in &world.nodes {
            node.run_pending_tasks().await;
        }
    }
    let left = |node: &Sessions| (node.stats().sessions, node.stats().bytes);
    let given_up = Instant::now() + PATIENCE;
    while world.nodes.iter().any(|node| left(node) != (0, 0)) && Instant::now() < given_up {
        step();
        for node in &world.nodes {
            node.run_pending_tasks().await;
        }
    }
    for node in &world.nodes {
        assert_eq!(left(node), (0, 0), "{:?}", node.stats());
    }
}
