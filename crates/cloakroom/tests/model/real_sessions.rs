//! The library behind the interface of the oracle.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cloakroom::{CachePolicy, Clock, LimitPolicy, Login, SessionError, SessionValue, Sessions, Timestamp};
use cloakroom_testkit::{ManualClock, MemoryStore, SeededRandom};
use serde::{Deserialize, Serialize};

use super::oracle::{ABSOLUTE, GRACE, IDLE, MAX_SESSIONS, NEGATIVE_TTL, NO_ROLES, Outcome, TTL};
use super::recording::Recording;
use super::steps::{Action, BROWSERS, USERS};
use super::visitor::{Visit, Visitor};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Notes(Vec<u8>);
impl SessionValue for Notes {
    const KEY: &'static str = "notes";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Roles(u8);
impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy =
        CachePolicy::ttl(Duration::from_secs(TTL)).negative_ttl(Duration::from_secs(NEGATIVE_TTL));
}

/// The clock of the second node, compared with that of the first one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtherClock {
    /// How far it is ahead, in milliseconds.
    pub(crate) ahead: i64,
    /// Whether it jumps to the time of the first one and back, each time that time passes.
    pub(crate) jumps: bool,
}

pub(crate) struct RealSessions {
    clock: ManualClock,
    other_clock: (OtherClock, ManualClock),
    /// Whether the other clock shows the time of the first one at the moment.
    is_equal: AtomicBool,
    start: Timestamp,
    /// Each node's connection to the store. Empty if there is no store.
    stores: Vec<MemoryStore>,
    nodes: Vec<Sessions>,
    browsers: Vec<Visitor>,
    /// Every token that was ever issued.
    tokens: HashSet<String>,
}

/// Effect of a request on the cookie of its browser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cookie {
    Unchanged,
    /// The response repeats the token that the browser has.
    Repeated,
    New,
    Removed,
}

impl RealSessions {
    /// Creates the nodes.
    pub(crate) fn new(shared: bool, other: OtherClock) -> Self {
        let clock = ManualClock::new();
        let clocks = [clock.clone(), ManualClock::starting_at(clock.ahead_by(other.ahead).now())];
        let other_clock = (other, clocks[1].clone());
        let first = MemoryStore::with_clock(clock.clone());
        let second = first.node();
        let stores = if shared { vec![first, second] } else { Vec::new() };
        let nodes = match &stores[..] {
            [] => vec![sessions(&clock, None, 1)],
            stores => {
                let nodes = (1..).zip(stores).zip(&clocks);
                nodes.map(|((seed, store), clock)| sessions(clock, Some(store), seed)).collect()
            }
        };
        let browsers = (0..BROWSERS).map(|_| Visitor::default()).collect();
        let is_equal = AtomicBool::new(false);
        Self { start: clock.now(), clock, other_clock, is_equal, stores, nodes, browsers, tokens: HashSet::new() }
    }

    fn node(&self, number: usize) -> &Sessions {
        &self.nodes[number % self.nodes.len()]
    }

    /// Advances the clock, and runs pending tasks before and after, because the maintenance of a
    /// node is never far behind.
    pub(crate) async fn advance(&self, span: u64) {
        self.run_pending_tasks_on_every_node().await;
        self.clock.advance(Duration::from_secs(span));
        let (OtherClock { ahead, jumps }, other_clock) = &self.other_clock;
        let is_equal = *jumps && !self.is_equal.fetch_xor(true, Ordering::Relaxed);
        other_clock.set(self.clock.ahead_by(if is_equal { 0 } else { *ahead }).now());
        self.run_pending_tasks_on_every_node().await;
    }

    async fn run_pending_tasks_on_every_node(&self) {
        for node in &self.nodes {
            node.run_pending_tasks().await;
        }
    }

    pub(crate) fn copy_cookie(&mut self, from: usize, to: usize) {
        self.browsers[to] = Visitor::with_cookie(self.browsers[from].cookie());
    }

    pub(crate) fn disconnect(&self, node: usize) {
        if let Some(store) = self.stores.get(node) {
            store.disconnect();
        }
    }

    pub(crate) fn reconnect(&self, node: usize) {
        if let Some(store) = self.stores.get(node) {
            store.reconnect();
        }
    }

    pub(crate) async fn revoke_all(&self, node: usize, user: u8) -> usize {
        self.node(node).of(principal_of(user)).revoke_all().await.expect("nothing is broken")
    }

    pub(crate) async fn invalidate_all(&self, node: usize, user: u8) -> usize {
        self.node(node).of(principal_of(user)).invalidate::<Roles>().await.expect("nothing is broken")
    }

    /// Number of sessions that each node lists for a user.
    pub(crate) async fn listed(&self, user: u8) -> Vec<usize> {
        let mut listed = Vec::new();
        for node in &self.nodes {
            listed.push(node.of(principal_of(user)).list().await.expect("nothing is broken").len());
        }
        listed
    }

    pub(crate) async fn request(
        &mut self,
        browser: usize,
        node: usize,
        action: &Action,
        roles: Option<u8>,
    ) -> (Outcome, Cookie) {
        let visitor = self.browsers[browser].clone();
        let before = visitor.cookie().map(|cookie| token(&cookie));
        let sessions = self.node(node).clone();
        let visit = visitor.enter(&sessions);
        let outcome = self.perform(&sessions, &visit, action, roles).await;
        let outcome = outcome.unwrap_or_else(|error| Outcome::Refused(error.kind()));
        visit.leave().await;
        let cookie = match (visitor.take_received(), visitor.cookie().map(|cookie| token(&cookie))) {
            (None, _) => Cookie::Unchanged,
            (Some(_), None) => Cookie::Removed,
            (Some(_), after) if after == before => Cookie::Repeated,
            (Some(_), Some(after)) => {
                let is_login = matches!(action, Action::Login { .. });
                assert!(self.tokens.insert(after) || is_login, "only a repeated login issues a token twice");
                Cookie::New
            }
        };
        (outcome, cookie)
    }

    async fn perform(
        &self,
        sessions: &Sessions,
        visit: &Visit,
        action: &Action,
        roles: Option<u8>,
    ) -> Result<Outcome, SessionError> {
        let done = |()| Outcome::Done;
        match action {
            Action::Append(note) => {
                let append = |notes: &mut Notes| {
                    notes.0.push(*note);
                    notes.0.len()
                };
                visit.update(append).await.map(Outcome::Number)
            }
            Action::Replace(notes) => visit.set(Notes(notes.clone())).await.map(done),
            Action::Read => Ok(Outcome::Notes(visit.get::<Notes>().await?.map(|notes| notes.0.clone()))),
            Action::Remove => visit.remove::<Notes>().await.map(Outcome::Removed),
            Action::Find => {
                let load = move || async move { Ok::<_, Infallible>(roles.map(Roles)) };
                Ok(Outcome::Roles(visit.find_or_load(load).await?.map(|roles| roles.0)))
            }
            Action::Load => {
                let load = move || async move { Ok::<_, Infallible>(Roles(roles.unwrap_or(NO_ROLES))) };
                Ok(Outcome::Roles(Some(visit.get_or_load(load).await?.0)))
            }
            Action::ReadRoles => Ok(Outcome::Roles(visit.get::<Roles>().await?.map(|roles| roles.0))),
            Action::Invalidate => visit.invalidate::<Roles>().await.map(done),
            Action::Login { user, keep } => {
                let login = Login::new(principal_of(*user));
                visit.login(if *keep { login.keep::<Notes>() } else { login }).await.map(done)
            }
            Action::Renew => visit.renew().await.map(done),
            Action::Remember(span) => visit.remember(Duration::from_secs(*span)).await.map(done),
            Action::Destroy => visit.destroy().await.map(done),
            Action::RevokeOthers(user) => {
                sessions.of(principal_of(*user)).revoke_others(visit).await.map(Outcome::Number)
            }
            Action::Info => self.info(visit).await,
        }
    }

    async fn info(&self, visit: &Visit) -> Result<Outcome, SessionError> {
        let seconds = |instant: Timestamp| instant.since(self.start).as_secs();
        let principal = visit.principal().await?;
        let user = principal
            .map(|principal| (0..USERS).find(|user| principal_of(*user) == principal.as_str()).expect("a user"));
        let (created, ends) = (visit.created_at().await?, visit.expires_at().await?);
        Ok(Outcome::Info(created.zip(ends).map(|(created, ends)| (user, seconds(created), seconds(ends)))))
    }

    /// Asserts that no session is left in memory or in the store, and that every end was counted.
    pub(crate) fn assert_empty(&self) {
        for stats in self.nodes.iter().map(Sessions::stats) {
            assert_eq!((stats.sessions, stats.bytes), (0, 0), "{stats:?}");
            let ends = stats.iter().filter(|(name, _)| name.contains("ended_")).map(|(_, number)| number).sum::<u64>();
            assert!(!self.stores.is_empty() || ends == stats.created, "{stats:?}");
        }
        for store in &self.stores {
            store.purge_expired();
            assert!(store.is_empty());
        }
    }
}

fn sessions(clock: &ManualClock, store: Option<&MemoryStore>, seed: u64) -> Sessions {
    let builder = Sessions::builder()
        .clock(clock.clone())
        .random(Recording(SeededRandom::new(seed)))
        .idle_timeout(Duration::from_secs(IDLE))
        .absolute_timeout(Duration::from_secs(ABSOLUTE))
        .renewal_grace(Duration::from_secs(GRACE))
        .max_sessions_per_principal(MAX_SESSIONS as u32, LimitPolicy::EndOldest);
    match store {
        Some(store) => builder.store(store.clone()),
        None => builder,
    }
    .build()
    .expect("a valid configuration")
}

fn principal_of(user: u8) -> &'static str {
    ["ada", "grace"][usize::from(user)]
}

/// The token in a cookie, without the version hint that may follow it.
fn token(cookie: &str) -> String {
    cookie.split('.').next().unwrap_or_default().to_owned()
}
