use std::time::Duration;

use axum::Router;
use cloakroom::{SessionLayer, Sessions, SessionsBuilder, Transport};
use cloakroom_testkit::{FaultyStore, ManualClock, MemoryStore};

use super::routes;

/// By how many milliseconds the clock of the second node is ahead of the first one's, in tests of two nodes.
pub(crate) const APART: [i64; 6] = [0, 1, 3_000, -3_000, 50_000, -50_000];

/// A deployment: one clock, and a shared tier or none.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) clock: ManualClock,
    /// The clock of the second node.
    pub(crate) other_clock: ManualClock,
    pub(crate) store: Option<MemoryStore>,
}

/// One process of a deployment.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) sessions: Sessions,
    pub(crate) app: Router,
}

impl Deployment {
    /// One process that keeps its sessions itself.
    pub(crate) fn local() -> Self {
        super::log::listen();
        let clock = ManualClock::new();
        Self { other_clock: clock.clone(), clock, store: None }
    }

    /// Any number of processes over one store.
    pub(crate) fn shared() -> Self {
        super::log::listen();
        let clock = ManualClock::new();
        Self { store: Some(MemoryStore::with_clock(clock.clone())), other_clock: clock.clone(), clock }
    }

    /// The same, and the second node's clock is ahead by so many milliseconds.
    pub(crate) fn apart(millis: i64) -> Self {
        let deployment = Self::shared();
        Self { other_clock: deployment.clock.ahead_by(millis), ..deployment }
    }

    /// What must hold with and without a shared tier, and whatever the clocks of two nodes say.
    pub(crate) fn alone_and_apart() -> impl Iterator<Item = Self> {
        std::iter::once(Self::local()).chain(APART.into_iter().map(Self::apart))
    }

    /// What must hold in both is tested in both.
    pub(crate) fn both() -> [Self; 2] {
        [Self::local(), Self::shared()]
    }

    /// The same, where the clocks differ by less than a renewed token's grace.
    pub(crate) fn alone_and_a_little_apart() -> impl Iterator<Item = Self> {
        let little = APART.into_iter().filter(|apart| apart.abs() < 10_000);
        std::iter::once(Self::local()).chain(little.map(Self::apart))
    }

    pub(crate) fn builder(&self) -> SessionsBuilder {
        self.builder_by(&self.clock)
    }

    /// A process on the second machine.
    pub(crate) fn other_builder(&self) -> SessionsBuilder {
        self.builder_by(&self.other_clock)
    }

    fn builder_by(&self, clock: &ManualClock) -> SessionsBuilder {
        let builder = super::recorded().clock(clock.clone());
        match &self.store {
            Some(store) => builder.store(store.node()),
            None => builder,
        }
    }

    /// A process with default settings.
    pub(crate) fn node(&self) -> Node {
        Node::new(self.builder())
    }

    /// Two processes; the same one twice where there is no shared tier.
    pub(crate) fn nodes(&self) -> [Node; 2] {
        let first = self.node();
        let second = if self.store.is_some() { Node::new(self.other_builder()) } else { first.clone() };
        [first, second]
    }

    /// A process whose store fails on demand.
    pub(crate) fn faulty_node(&self) -> (FaultyStore<MemoryStore>, Node) {
        let store = FaultyStore::new(self.store.as_ref().expect("a shared house").node());
        let node = Node::new(super::recorded().clock(self.clock.clone()).store(store.clone()));
        (store, node)
    }

    /// How many sessions there are, wherever this house keeps them.
    pub(crate) fn population(&self, node: &Node) -> usize {
        self.store.as_ref().map_or(node.sessions.stats().sessions as usize, MemoryStore::len)
    }
}

impl Node {
    pub(crate) fn new(builder: SessionsBuilder) -> Self {
        Self::with_routes(builder, routes())
    }

    pub(crate) fn with_routes(builder: SessionsBuilder, routes: Router) -> Self {
        let sessions = builder.build().unwrap();
        Self { app: Self::with_sessions(sessions.clone(), routes), sessions }
    }

    /// A process whose tokens come another way than by the default cookie.
    pub(crate) fn with_transport(builder: SessionsBuilder, transport: Transport) -> Self {
        let sessions = builder.build().unwrap();
        Self { app: routes().layer(SessionLayer::new(sessions.clone()).transport(transport)), sessions }
    }

    /// The application of a node whose sessions exist already.
    pub(crate) fn with_sessions(sessions: Sessions, routes: Router) -> Router {
        routes.layer(SessionLayer::new(sessions))
    }
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn minutes(minutes: u64) -> Duration {
    secs(60 * minutes)
}
