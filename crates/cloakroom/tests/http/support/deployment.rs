use std::time::Duration;

use axum::Router;
use cloakroom::{SessionLayer, Sessions, SessionsBuilder, Transport};
use cloakroom_testkit::{FaultyStore, ManualClock, MemoryStore};

use super::routes;

/// Milliseconds by which the second node's clock is ahead of the first one's, in tests with two
/// nodes.
pub(crate) const CLOCK_SKEWS: [i64; 6] = [0, 1, 3_000, -3_000, 50_000, -50_000];

/// A deployment: one clock, with or without a shared tier.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) clock: ManualClock,
    /// The clock of the second node.
    pub(crate) other_clock: ManualClock,
    pub(crate) store: Option<MemoryStore>,
}

/// One node of a deployment: a process with its sessions and its application.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) sessions: Sessions,
    pub(crate) app: Router,
}

impl Deployment {
    /// A single node without a store.
    pub(crate) fn local() -> Self {
        super::log::set_global_subscriber();
        let clock = ManualClock::new();
        Self { other_clock: clock.clone(), clock, store: None }
    }

    /// Any number of nodes over one store.
    pub(crate) fn shared() -> Self {
        super::log::set_global_subscriber();
        let clock = ManualClock::new();
        Self { store: Some(MemoryStore::with_clock(clock.clone())), other_clock: clock.clone(), clock }
    }

    /// A shared deployment in which the second node's clock is ahead by this number of
    /// milliseconds.
    pub(crate) fn with_clock_skew(millis: i64) -> Self {
        let deployment = Self::shared();
        Self { other_clock: deployment.clock.ahead_by(millis), ..deployment }
    }

    /// A local deployment, and shared ones with every clock skew.
    pub(crate) fn local_and_skewed() -> impl Iterator<Item = Self> {
        std::iter::once(Self::local()).chain(CLOCK_SKEWS.into_iter().map(Self::with_clock_skew))
    }

    /// A local and a shared deployment.
    pub(crate) fn both() -> [Self; 2] {
        [Self::local(), Self::shared()]
    }

    /// A local deployment, and shared ones whose clock skew is shorter than the grace of a renewal.
    pub(crate) fn local_and_slightly_skewed() -> impl Iterator<Item = Self> {
        let small = CLOCK_SKEWS.into_iter().filter(|skew| skew.abs() < 10_000);
        std::iter::once(Self::local()).chain(small.map(Self::with_clock_skew))
    }

    pub(crate) fn builder(&self) -> SessionsBuilder {
        self.builder_with_clock(&self.clock)
    }

    /// The builder of a node on the second machine.
    pub(crate) fn other_builder(&self) -> SessionsBuilder {
        self.builder_with_clock(&self.other_clock)
    }

    fn builder_with_clock(&self, clock: &ManualClock) -> SessionsBuilder {
        let builder = super::recorded().clock(clock.clone());
        match &self.store {
            Some(store) => builder.store(store.node()),
            None => builder,
        }
    }

    /// A node with default settings.
    pub(crate) fn node(&self) -> Node {
        Node::new(self.builder())
    }

    /// Two nodes; without a store, the same node twice.
    pub(crate) fn nodes(&self) -> [Node; 2] {
        let first = self.node();
        let second = if self.store.is_some() { Node::new(self.other_builder()) } else { first.clone() };
        [first, second]
    }

    /// A node whose store fails on demand.
    pub(crate) fn faulty_node(&self) -> (FaultyStore<MemoryStore>, Node) {
        let store = FaultyStore::new(self.store.as_ref().expect("a shared deployment").node());
        let node = Node::new(super::recorded().clock(self.clock.clone()).store(store.clone()));
        (store, node)
    }

    /// The number of sessions in the deployment.
    pub(crate) fn session_count(&self, node: &Node) -> usize {
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

    /// A node whose tokens do not travel in the default cookie.
    pub(crate) fn with_transport(builder: SessionsBuilder, transport: Transport) -> Self {
        let sessions = builder.build().unwrap();
        Self { app: routes().layer(SessionLayer::new(sessions.clone()).transport(transport)), sessions }
    }

    /// The application of a node, with existing sessions.
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
