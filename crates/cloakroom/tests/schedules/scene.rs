//! The stage of a scene: one session, known to every act by the same cookie.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloakroom::testkit::{ManualClock, MemoryStore, SeededRandom};
use cloakroom::{CachePolicy, Events, SessionValue, Sessions};
use serde::{Deserialize, Serialize};

use super::acts::Act;
use super::audit::{Told, audit};
use super::explore::{at_once, block_on};
use super::stepping::Stepping;
use super::visitor::Visitor;

pub const IDLE: Duration = Duration::from_secs(600);
pub const QUIET: Duration = Duration::from_secs(60);
pub const USER: &str = "user";

/// Counts what was acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Count(pub u64);
impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// A copy of what [`World::source`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roles(pub u64);
impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(3600));
}

/// Takes up room.
#[derive(Clone, Serialize, Deserialize)]
pub struct Bulk(pub String);
impl SessionValue for Bulk {
    const KEY: &'static str = "bulk";
}

#[derive(Clone, Copy, PartialEq)]
pub enum Tier {
    Memory,
    TwoNodes,
}

#[derive(Clone)]
pub struct Scene {
    acts: [Act; 3],
    logged_in: bool,
    slow_line: bool,
}

/// What all acts of a scene share.
pub struct World {
    pub clock: ManualClock,
    /// One process each.
    pub nodes: Vec<Sessions>,
    pub lines: Vec<MemoryStore>,
    pub events: Vec<Events>,
    /// The source of truth of [`Roles`].
    pub source: AtomicU64,
    /// What nobody may read less than: the source's value at the newest invalidation that was acknowledged.
    pub floor: AtomicU64,
    /// Whether a change may be heard of late on other nodes.
    pub slow_line: bool,
    /// The cookie that every act begins with.
    pub cookie: String,
}

impl Scene {
    pub const fn of(acts: [Act; 3]) -> Self {
        Self { acts, logged_in: false, slow_line: false }
    }

    /// The session is logged in when the scene begins.
    pub const fn logged_in(self) -> Self {
        Self { logged_in: true, ..self }
    }

    /// The nodes hear of each other's changes late.
    pub const fn slow_line(self) -> Self {
        Self { slow_line: true, ..self }
    }

    pub fn play(&self, tier: Tier) {
        let world = Arc::new(self.set(tier));
        let told = Arc::new(Mutex::new(Vec::new()));
        let acts = self.acts.iter().enumerate().map(|(place, act)| {
            let (world, told, act) = (Arc::clone(&world), Arc::clone(&told), *act);
            Box::new(move || {
                let heard: Told = block_on(act.perform(&world, place));
                told.lock().expect("no act panics").push(heard);
            }) as Box<dyn FnOnce() + Send>
        });
        at_once(acts.collect());
        let told = std::mem::take(&mut *told.lock().expect("no act panics"));
        let world = Arc::into_inner(world).expect("the acts are over");
        block_on(audit(world, &told));
    }

    fn set(&self, tier: Tier) -> World {
        let clock = ManualClock::new();
        let lines = lines(tier, &clock);
        let nodes: Vec<_> = match tier {
            Tier::Memory => vec![sessions(&clock, None, 1)],
            Tier::TwoNodes => (2..).zip(&lines).map(|(seed, line)| sessions(&clock, Some(line), seed)).collect(),
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
            lines.iter().for_each(MemoryStore::pause_invalidations);
        }
        let cookie = visitor.cookie().expect("a session");
        let (source, floor) = (AtomicU64::new(0), AtomicU64::new(0));
        World { clock, nodes, lines, events, source, floor, slow_line: self.slow_line, cookie }
    }
}

fn lines(tier: Tier, clock: &ManualClock) -> Vec<MemoryStore> {
    if tier == Tier::Memory {
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
        .max_value_bytes(1024)
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

impl World {
    /// The node that the act in this place goes to.
    pub fn node(&self, place: usize) -> &Sessions {
        &self.nodes[place % self.nodes.len()]
    }

    /// A browser of the session's owner.
    pub fn visitor(&self) -> Visitor {
        Visitor::with_cookie(Some(self.cookie.clone()))
    }
}
