//! The real sessions, asked the same as the oracle.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use cloakroom::{CachePolicy, Clock, LimitPolicy, Login, SessionError, SessionValue, Sessions, Timestamp};
use cloakroom_testkit::{ManualClock, MemoryStore, SeededRandom};
use serde::{Deserialize, Serialize};

use super::oracle::{ABSOLUTE, Answer, GRACE, IDLE, MOST, NEGATIVE_TTL, NO_ROLES, TTL};
use super::recording::Recording;
use super::steps::{Act, BROWSERS, USERS};
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

pub(crate) struct RealSessions {
    clock: ManualClock,
    start: Timestamp,
    /// Each node's line to the store; none where there is no store.
    lines: Vec<MemoryStore>,
    nodes: Vec<Sessions>,
    browsers: Vec<Visitor>,
    /// Every token that was ever given out.
    tokens: HashSet<String>,
}

/// What a request did to its browser's cookie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cookie {
    Untouched,
    /// The same token once more.
    Repeated,
    New,
    Forgotten,
}

impl RealSessions {
    /// The clock of the second node is ahead by so many milliseconds.
    pub(crate) fn new(shared: bool, ahead: i64) -> Self {
        let clock = ManualClock::new();
        let clocks = [clock.clone(), clock.ahead_by(ahead)];
        let first = MemoryStore::with_clock(clock.clone());
        let second = first.node();
        let lines = if shared { vec![first, second] } else { Vec::new() };
        let nodes = match &lines[..] {
            [] => vec![sessions(&clock, None, 1)],
            lines => {
                let nodes = (1..).zip(lines).zip(&clocks);
                nodes.map(|((seed, line), clock)| sessions(clock, Some(line), seed)).collect()
            }
        };
        let browsers = (0..BROWSERS).map(|_| Visitor::default()).collect();
        Self { start: clock.now(), clock, lines, nodes, browsers, tokens: HashSet::new() }
    }

    fn node(&self, number: usize) -> &Sessions {
        &self.nodes[number % self.nodes.len()]
    }

    /// As the housekeepers do, who are never far behind.
    pub(crate) async fn pass(&self, span: u64) {
        self.keep_house().await;
        self.clock.advance(Duration::from_secs(span));
        self.keep_house().await;
    }

    async fn keep_house(&self) {
        for node in &self.nodes {
            node.run_pending_tasks().await;
        }
    }

    pub(crate) fn copy(&mut self, from: usize, to: usize) {
        self.browsers[to] = Visitor::with_cookie(self.browsers[from].cookie());
    }

    pub(crate) fn cut(&self, node: usize) {
        if let Some(line) = self.lines.get(node) {
            line.disconnect();
        }
    }

    pub(crate) fn mend(&self, node: usize) {
        if let Some(line) = self.lines.get(node) {
            line.reconnect();
        }
    }

    pub(crate) async fn revoke_all(&self, node: usize, user: u8) -> usize {
        self.node(node).of(name(user)).revoke_all().await.expect("nothing is broken")
    }

    pub(crate) async fn invalidate_all(&self, node: usize, user: u8) -> usize {
        self.node(node).of(name(user)).invalidate::<Roles>().await.expect("nothing is broken")
    }

    /// How many sessions each node lists for a user.
    pub(crate) async fn listed(&self, user: u8) -> Vec<usize> {
        let mut listed = Vec::new();
        for node in &self.nodes {
            listed.push(node.of(name(user)).list().await.expect("nothing is broken").len());
        }
        listed
    }

    pub(crate) async fn request(
        &mut self,
        browser: usize,
        node: usize,
        act: &Act,
        roles: Option<u8>,
    ) -> (Answer, Cookie) {
        let visitor = self.browsers[browser].clone();
        let before = visitor.cookie().map(|cookie| token(&cookie));
        let sessions = self.node(node).clone();
        let visit = visitor.enter(&sessions);
        let answer = self.perform(&sessions, &visit, act, roles).await;
        let answer = answer.unwrap_or_else(|error| Answer::Refused(error.kind()));
        visit.leave().await;
        let cookie = match (visitor.take_received(), visitor.cookie().map(|cookie| token(&cookie))) {
            (None, _) => Cookie::Untouched,
            (Some(_), None) => Cookie::Forgotten,
            (Some(_), after) if after == before => Cookie::Repeated,
            (Some(_), Some(after)) => {
                let is_login = matches!(act, Act::Login { .. });
                assert!(self.tokens.insert(after) || is_login, "a token is given out once, but for a double click");
                Cookie::New
            }
        };
        (answer, cookie)
    }

    async fn perform(
        &self,
        sessions: &Sessions,
        visit: &Visit,
        act: &Act,
        roles: Option<u8>,
    ) -> Result<Answer, SessionError> {
        let done = |()| Answer::Done;
        match act {
            Act::Append(note) => {
                let append = |notes: &mut Notes| {
                    notes.0.push(*note);
                    notes.0.len()
                };
                visit.update(append).await.map(Answer::Number)
            }
            Act::Replace(notes) => visit.set(Notes(notes.clone())).await.map(done),
            Act::Read => Ok(Answer::Notes(visit.get::<Notes>().await?.map(|notes| notes.0.clone()))),
            Act::Remove => visit.remove::<Notes>().await.map(Answer::Was),
            Act::Find => {
                let load = move || async move { Ok::<_, Infallible>(roles.map(Roles)) };
                Ok(Answer::Roles(visit.find_or_load(load).await?.map(|roles| roles.0)))
            }
            Act::Load => {
                let load = move || async move { Ok::<_, Infallible>(Roles(roles.unwrap_or(NO_ROLES))) };
                Ok(Answer::Roles(Some(visit.get_or_load(load).await?.0)))
            }
            Act::ReadRoles => Ok(Answer::Roles(visit.get::<Roles>().await?.map(|roles| roles.0))),
            Act::Invalidate => visit.invalidate::<Roles>().await.map(done),
            Act::Login { user, keep } => {
                let login = Login::new(name(*user));
                visit.login(if *keep { login.keep::<Notes>() } else { login }).await.map(done)
            }
            Act::Renew => visit.renew().await.map(done),
            Act::Remember(span) => visit.remember(Duration::from_secs(*span)).await.map(done),
            Act::Destroy => visit.destroy().await.map(done),
            Act::RevokeOthers(user) => sessions.of(name(*user)).revoke_others(visit).await.map(Answer::Number),
            Act::Who => self.who(visit).await,
        }
    }

    async fn who(&self, visit: &Visit) -> Result<Answer, SessionError> {
        let seconds = |instant: Timestamp| instant.since(self.start).as_secs();
        let principal = visit.principal().await?;
        let user =
            principal.map(|principal| (0..USERS).find(|user| name(*user) == principal.as_str()).expect("a user"));
        let (created, ends) = (visit.created_at().await?, visit.expires_at().await?);
        Ok(Answer::Who(created.zip(ends).map(|(created, ends)| (user, seconds(created), seconds(ends)))))
    }

    /// After the last session is over, nothing is booked, and every end was counted.
    pub(crate) fn nothing_is_left(&self) {
        for stats in self.nodes.iter().map(Sessions::stats) {
            assert_eq!((stats.sessions, stats.bytes), (0, 0), "{stats:?}");
            let ends = stats.iter().filter(|(name, _)| name.contains("ended_")).map(|(_, number)| number).sum::<u64>();
            assert!(!self.lines.is_empty() || ends == stats.created, "{stats:?}");
        }
        for line in &self.lines {
            line.purge_expired();
            assert!(line.is_empty());
        }
    }
}

fn sessions(clock: &ManualClock, line: Option<&MemoryStore>, seed: u64) -> Sessions {
    let builder = Sessions::builder()
        .clock(clock.clone())
        .random(Recording(SeededRandom::new(seed)))
        .idle_timeout(Duration::from_secs(IDLE))
        .absolute_timeout(Duration::from_secs(ABSOLUTE))
        .renewal_grace(Duration::from_secs(GRACE))
        .max_sessions_per_principal(MOST as u32, LimitPolicy::EndOldest);
    match line {
        Some(line) => builder.store(line.clone()),
        None => builder,
    }
    .build()
    .expect("a valid configuration")
}

fn name(user: u8) -> &'static str {
    ["ada", "grace"][usize::from(user)]
}

/// The cookie's token without the hint of a version that may follow it.
fn token(cookie: &str) -> String {
    cookie.split('.').next().unwrap_or_default().to_owned()
}
