//! The stage of a scene: one session, known to every act by the same cookie.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloakroom::{CachePolicy, Events, SessionValue, Sessions};
use cloakroom_testkit::{ManualClock, MemoryStore, SeededRandom};
use serde::{Deserialize, Serialize};

use super::actions::Action;
use super::audit::{Outcome, audit};
use super::explore::{at_once, block_on, choose};
use super::stepping::Stepping;
use super::visitor::Visitor;

const IDLE: Duration = Duration::from_secs(600);
/// By how many milliseconds the second node's clock may be ahead.
const AHEAD: [i64; 5] = [0, 1, 3_000, -3_000, 50_000];
pub(crate) const QUIET: Duration = Duration::from_secs(60);
pub(crate) const USER: &str = "user";

/// Counts what was acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Count(pub(crate) u64);
impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// A copy of what [`World::source`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Roles(pub(crate) u64);
impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(3600));
}

/// Takes up room.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Bulk(pub(crate) String);
impl SessionValue for Bulk {
    const KEY: &'static str = "bulk";
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Setup {
    Memory,
    TwoNodes,
}

#[derive(Clone)]
pub(crate) struct Scenario {
    actions: [Action; 3],
    logged_in: bool,
    slow_line: bool,
}

/// What all acts of a scene share.
pub(crate) struct Shared {
    pub(crate) clock: ManualClock,
    /// By how many milliseconds the second node's clock is ahead.
    pub(crate) apart: i64,
    /// One process each.
    pub(crate) nodes: Vec<Sessions>,
    pub(crate) stores: Vec<MemoryStore>,
    pub(crate) events: Vec<Events>,
    /// The source of truth of [`Roles`].
    pub(crate) source: AtomicU64,
    /// What nobody may read less than: the source's value at the newest invalidation that was acknowledged.
    pub(crate) floor: AtomicU64,
    /// Whether a change may be heard of late on other nodes.
    pub(crate) slow_line: bool,
    /// The cookie that every act begins with.
    pub(crate) cookie: String,
}

impl Scenario {
    pub(crate) const fn of(actions: [Action; 3]) -> Self {
        Self { actions, logged_in: false, slow_line: false }
    }

    /// The session is logged in when the scene begins.
    pub(crate) const fn logged_in(self) -> Self {
        Self { logged_in: true, ..self }
    }

    /// The nodes hear of each other's changes late.
    pub(crate) const fn slow_line(self) -> Self {
        Self { slow_line: true, ..self }
    }

    pub(crate) fn play(&self, setup: Setup) {
        let shared = Arc::new(self.set(setup));
        let outcome = Arc::new(Mutex::new(Vec::new()));
        let actions = self.actions.iter().enumerate().map(|(place, action)| {
            let (shared, outcome, action) = (Arc::clone(&shared), Arc::clone(&outcome), *action);
            Box::new(move || {
                let heard: Outcome = block_on(action.perform(&shared, place));
                outcome.lock().expect("no act panics").push(heard);
            }) as Box<dyn FnOnce() + Send>
        });
        at_once(actions.collect());
        let outcome = std::mem::take(&mut *outcome.lock().expect("no act panics"));
        let shared = Arc::into_inner(shared).expect("the acts are over");
        block_on(audit(shared, &outcome));
    }

    fn set(&self, setup: Setup) -> Shared {
        let clock = ManualClock::new();
        let stores = stores(setup, &clock);
        let apart = choose(&AHEAD);
        let nodes: Vec<_> = match setup {
            Setup::Memory => vec![sessions(&clock, None, 1)],
            Setup::TwoNodes => {
                let clocks = [clock.clone(), clock.ahead_by(apart)];
                let nodes = (2..).zip(&stores).zip(&clocks);
                nodes.map(|((seed, line), clock)| sessions(clock, Some(line), seed)).collect()
            }
        };
        let events = nodes.iter().map(Sessions::events).collect();
        let visitor = Visitor::default();
        block_on(async {
            let visit = visitor.enter(&nodes[0]);
            visit.set(Count(0)).await.expect("a first value");
            if self.logged_in {
                visit.login(cloakroom::Login::new(USER).keep::<Count>()).await.expect("a login");
            }
            visit.leave().await;
        });
        if self.slow_line {
            stores.iter().for_each(MemoryStore::pause_invalidations);
        }
        let cookie = visitor.cookie().expect("a session");
        let (source, floor) = (AtomicU64::new(0), AtomicU64::new(0));
        Shared { clock, apart, nodes, stores, events, source, floor, slow_line: self.slow_line, cookie }
    }
}

fn stores(setup: Setup, clock: &ManualClock) -> Vec<MemoryStore> {
    if setup == Setup::Memory {
        return Vec::new();
    }
    let first = MemoryStore::with_clock(clock.clone());
    let second = first.node();
    vec![first, second]
}

fn sessions(clock: &ManualClock, line: Option<&MemoryStore>, seed: u64) -> Sessions {
    let builder = Sessions::builder()
        .clock(clock.clone())
        .random(SeededRandom::new(seed))
        .idle_timeout(IDLE)
        .pack_after(Some(QUIET))
        .max_session_bytes(1024)
        // Room for four crowded sessions.
        .max_bytes(1024 + 4096);
    match line {
        Some(line) => builder.store(Stepping(line.clone())),
        None => builder,
    }
    .build()
    .expect("a valid configuration")
}

impl Shared {
    /// The node that the act in this place goes to.
    pub(crate) fn node(&self, place: usize) -> &Sessions {
        &self.nodes[place % self.nodes.len()]
    }

    /// How long a session may live that nobody uses. A store keeps a record for a tenth longer,
    /// because it hears of use that late.
    pub(crate) fn lifetime(&self) -> Duration {
        if self.stores.is_empty() { IDLE } else { IDLE + IDLE / 10 }
    }

    /// A browser of the session's owner.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::with_cookie(Some(self.cookie.clone()))
    }
}
