//! A scenario: one session, and actions that start with the same cookie.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloakroom::{CachePolicy, Clock as _, Events, SessionLimits, SessionValue, Sessions};
use cloakroom_testkit::{ManualClock, MemoryStore, SeededRandom};
use serde::{Deserialize, Serialize};

use super::actions::Action;
use super::audit::{Outcome, audit};
use super::explore::{block_on, choose, run_concurrently};
use super::stepping::SteppingStore;
use super::visitor::Visitor;

const IDLE: Duration = Duration::from_secs(600);
/// Possible leads of the second node's clock in milliseconds. Without one, the clock jumps between
/// all of them.
const CLOCK_LEADS: [Option<i64>; 6] = [Some(0), Some(1), Some(3_000), Some(-3_000), Some(50_000), None];
const GREATEST_LEAD: i64 = 50_000;
pub(crate) const PACK_AFTER: Duration = Duration::from_secs(60);
pub(crate) const USER: &str = "user";

/// Counts acknowledged increments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Count(pub(crate) u64);
impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// A cached copy of [`Shared::source`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Roles(pub(crate) u64);
impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(3600));
}

/// A value that fills memory.
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
    delayed_invalidations: bool,
}

/// State that all actions of a scenario share.
pub(crate) struct Shared {
    pub(crate) clock: ManualClock,
    /// Clock of the second node.
    other_clock: ManualClock,
    /// Lead of the second node's clock in milliseconds, if it does not jump.
    lead: Option<i64>,
    /// The nodes, each of which represents a process.
    pub(crate) nodes: Vec<Sessions>,
    pub(crate) stores: Vec<MemoryStore>,
    pub(crate) events: Vec<Events>,
    /// The source of [`Roles`].
    pub(crate) source: AtomicU64,
    /// Lowest roles that may be read: those of the source at the newest acknowledged invalidation.
    pub(crate) min_roles: AtomicU64,
    /// Number of increments of the counter that the scenario makes.
    pub(crate) increments: u64,
    /// Set if invalidations reach other nodes late.
    pub(crate) delayed_invalidations: bool,
    /// The cookie that every action starts with.
    pub(crate) cookie: String,
}

impl Scenario {
    pub(crate) const fn of(actions: [Action; 3]) -> Self {
        Self { actions, logged_in: false, delayed_invalidations: false }
    }

    /// Logs the session in before the actions start.
    pub(crate) const fn logged_in(self) -> Self {
        Self { logged_in: true, ..self }
    }

    /// Delays the invalidations between the nodes until [`Action::Deliver`].
    pub(crate) const fn delayed(self) -> Self {
        Self { delayed_invalidations: true, ..self }
    }

    pub(crate) fn run(&self, setup: Setup) {
        let shared = Arc::new(self.prepare(setup));
        let outcomes = Arc::new(Mutex::new(Vec::new()));
        let actions = self.actions.iter().enumerate().map(|(index, action)| {
            let (shared, outcomes, action) = (Arc::clone(&shared), Arc::clone(&outcomes), *action);
            Box::new(move || {
                let outcome: Outcome = block_on(action.perform(&shared, index));
                outcomes.lock().expect("no action panics").push(outcome);
            }) as Box<dyn FnOnce() + Send>
        });
        run_concurrently(actions.collect());
        let outcomes = std::mem::take(&mut *outcomes.lock().expect("no action panics"));
        let shared = Arc::into_inner(shared).expect("the actions have finished");
        block_on(audit(shared, &outcomes));
    }

    fn prepare(&self, setup: Setup) -> Shared {
        let clock = ManualClock::new();
        let stores = stores(setup, &clock);
        let other_clock = ManualClock::new();
        let lead = choose(&CLOCK_LEADS);
        let nodes: Vec<_> = match setup {
            Setup::Memory => vec![sessions(&clock, None, 1)],
            Setup::TwoNodes => {
                other_clock.set(clock.ahead_by(lead.unwrap_or(0)).now());
                let clocks = [clock.clone(), other_clock.clone()];
                let nodes = (2..).zip(&stores).zip(&clocks);
                nodes.map(|((seed, store), clock)| sessions(clock, Some(store), seed)).collect()
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
        if self.delayed_invalidations {
            stores.iter().for_each(MemoryStore::pause_invalidations);
        }
        let cookie = visitor.cookie().expect("a session");
        let (source, min_roles) = (AtomicU64::new(0), AtomicU64::new(0));
        Shared {
            clock,
            other_clock,
            lead,
            nodes,
            stores,
            events,
            source,
            min_roles,
            increments: self.actions.iter().filter(|action| matches!(action, Action::Add)).count() as u64,
            delayed_invalidations: self.delayed_invalidations,
            cookie,
        }
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

fn sessions(clock: &ManualClock, store: Option<&MemoryStore>, seed: u64) -> Sessions {
    let builder = Sessions::builder()
        .clock(clock.clone())
        .random(SeededRandom::new(seed))
        .idle_timeout(IDLE)
        .pack_after(Some(PACK_AFTER))
        .session_limits(SessionLimits { bytes: 1024, ..SessionLimits::default() })
        // Enough for four sessions of a flood.
        .memory_limit(1024 + 4096);
    match store {
        Some(store) => builder.store(SteppingStore(store.clone())),
        None => builder,
    }
    .build()
    .expect("a valid configuration")
}

impl Shared {
    /// The node of the action with this index.
    pub(crate) fn node(&self, index: usize) -> &Sessions {
        &self.nodes[index % self.nodes.len()]
    }

    /// Greatest difference between the clocks in milliseconds.
    pub(crate) fn clock_skew(&self) -> u64 {
        self.lead.unwrap_or(GREATEST_LEAD).unsigned_abs()
    }

    /// Sets the second node's clock after the first one's, or lets it jump.
    pub(crate) fn set_other_clock(&self) {
        let lead = self.lead.or_else(|| choose(&CLOCK_LEADS)).unwrap_or(0);
        self.other_clock.set(self.clock.ahead_by(lead).now());
    }

    pub(crate) fn advance_clocks(&self, span: Duration) {
        self.clock.advance(span);
        self.set_other_clock();
    }

    /// Maximum lifetime of an unused session. A store keeps a record for a tenth longer, because
    /// uses are reported to it that late.
    pub(crate) fn lifetime(&self) -> Duration {
        if self.stores.is_empty() { IDLE } else { IDLE + IDLE / 10 }
    }

    /// A browser with the session's cookie.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::with_cookie(Some(self.cookie.clone()))
    }
}
