use std::time::Duration;

use cloakroom::store::Store;
use cloakroom::{Clock, Timestamp};
use cloakroom_testkit::{Backend, Capability, ManualClock, MemoryStore};

/// A backend for a store that wraps a [`MemoryStore`], on a clock that the suite advances.
pub(crate) struct MemoryBackend<S> {
    clock: ManualClock,
    make: fn(&ManualClock) -> S,
    memory: fn(&S) -> &MemoryStore,
    node: fn(&S) -> S,
    setup: fn(&S),
}

impl<S> MemoryBackend<S> {
    pub(crate) fn new(make: fn(&ManualClock) -> S, memory: fn(&S) -> &MemoryStore, node: fn(&S) -> S) -> Self {
        Self::with(|_| (), make, memory, node)
    }

    /// Creates a backend that applies `setup` to each new store.
    pub(crate) fn with(
        setup: fn(&S),
        make: fn(&ManualClock) -> S,
        memory: fn(&S) -> &MemoryStore,
        node: fn(&S) -> S,
    ) -> Self {
        Self { clock: ManualClock::new(), make, memory, node, setup }
    }
}

pub(crate) fn reference() -> MemoryBackend<MemoryStore> {
    MemoryBackend::new(|clock| MemoryStore::with_clock(clock.clone()), |store| store, MemoryStore::node)
}

impl<S: Store> Backend for MemoryBackend<S> {
    type Store = S;

    async fn store(&self) -> S {
        let store = (self.make)(&self.clock);
        (self.setup)(&store);
        store
    }

    async fn node(&self, store: &S) -> Option<S> {
        Some((self.node)(store))
    }

    async fn cut_off(&self, node: &S) -> bool {
        (self.memory)(node).disconnect();
        true
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    fn tick(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn capabilities(&self) -> &[Capability] {
        &[Capability::Nodes, Capability::Leases, Capability::CutOff]
    }
}
