use std::time::Duration;

use cloakroom::store::Store;
use cloakroom::{Clock, Timestamp};
use cloakroom_testkit::{Backend, Capability, ManualClock, MemoryStore};

/// A store under test that is made of a [`MemoryStore`], on a clock that the suite moves.
pub(crate) struct Over<S> {
    clock: ManualClock,
    make: fn(&ManualClock) -> S,
    memory: fn(&S) -> &MemoryStore,
    node: fn(&S) -> S,
    plan: fn(&S),
}

impl<S> Over<S> {
    pub(crate) fn new(make: fn(&ManualClock) -> S, memory: fn(&S) -> &MemoryStore, node: fn(&S) -> S) -> Self {
        Self::with(|_| (), make, memory, node)
    }

    /// The same; `plan` is done to each fresh store.
    pub(crate) fn with(
        plan: fn(&S),
        make: fn(&ManualClock) -> S,
        memory: fn(&S) -> &MemoryStore,
        node: fn(&S) -> S,
    ) -> Self {
        Self { clock: ManualClock::new(), make, memory, node, plan }
    }
}

pub(crate) fn reference() -> Over<MemoryStore> {
    Over::new(|clock| MemoryStore::with_clock(clock.clone()), |store| store, MemoryStore::node)
}

impl<S: Store> Backend for Over<S> {
    type Store = S;

    async fn store(&self) -> S {
        let store = (self.make)(&self.clock);
        (self.plan)(&store);
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
