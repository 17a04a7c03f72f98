use std::time::Duration;

use axum::Router;
use cloakroom::testkit::{FaultyStore, ManualClock, MemoryStore};
use cloakroom::{SessionLayer, Sessions, SessionsBuilder, Transport};

use super::routes;

/// A deployment: one clock, and a shared tier or none.
#[derive(Clone, Debug)]
pub(crate) struct House {
    pub(crate) clock: ManualClock,
    pub(crate) store: Option<MemoryStore>,
}

/// One process of a deployment.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) sessions: Sessions,
    pub(crate) app: Router,
}

impl House {
    /// One process that keeps its sessions itself.
    pub(crate) fn local() -> Self {
        super::log::listen();
        Self { clock: ManualClock::new(), store: None }
    }

    /// Any number of processes over one store.
    pub(crate) fn shared() -> Self {
        super::log::listen();
        let clock = ManualClock::new();
        Self { store: Some(MemoryStore::with_clock(clock.clone())), clock }
    }

    /// What must hold in both is tested in both.
    pub(crate) fn both() -> [Self; 2] {
        [Self::local(), Self::shared()]
    }

    pub(crate) fn builder(&self) -> SessionsBuilder {
        let builder = super::recorded().clock(self.clock.clone());
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
        let second = if self.store.is_some() { self.node() } else { first.clone() };
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
